//! A primary that dies under load: the engine and those who publish go on by themselves, and what is lost is what the
//! durability allows.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use test_support::{RedisSentinel, TestCluster, eventually_true};
use textproof::store::{EventStore, Queue, RedisSettings, RedisStore};
use tokio::time::{Instant, MissedTickBehavior, interval};
use worker::WorkerOptions;

use crate::fixture::{Doing, Logs, Recorder, Running, try_publish_to};

/// Without a restart of whoever uses it.
const RECOVERY: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(30);
const SENDERS: u32 = 8;
/// Of each.
const PACE: Duration = Duration::from_millis(2);

/// Events that come all the time, and a worker.
struct Load {
    store: Arc<dyn EventStore>,
    recorder: Recorder,
    running: Running,
    acknowledged: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// How events are kept.
#[derive(Clone, Copy, Debug)]
struct Durable {
    min_replicas: u32,
    shards: u16,
}

/// What replicas confirm, in several shards; and the least that there is.
const CONFIRMED: Durable = Durable { min_replicas: 1, shards: 3 };
const UNCONFIRMED: Durable = Durable { min_replicas: 0, shards: 1 };

/// What a failover did.
struct Outcome {
    lost: usize,
}

impl Load {
    fn on(url: &str, Durable { min_replicas, shards }: Durable) -> Self {
        let mut settings = RedisSettings::new(url);
        (settings.min_replicas, settings.shards) = (min_replicas, shards);
        let store: Arc<dyn EventStore> = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
        let recorder = Recorder::new(|_| Doing::Succeed);
        let options = WorkerOptions { lease: Duration::from_secs(2), ..WorkerOptions::default() };
        let running = Running::start_on(Arc::clone(&store), vec![recorder.clone()], options);
        Self { store, recorder, running, acknowledged: Mutex::default(), stop: AtomicBool::new(false) }
    }

    fn acknowledged(&self) -> Vec<String> {
        self.acknowledged.lock().expect("no panic").clone()
    }

    /// One gateway. What is not acknowledged it sends no more: only what was counts.
    async fn send(&self, sender: u32) {
        let mut pace = interval(PACE);
        // What could not be sent meanwhile is not sent all at once when the servers are back.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for n in 0.. {
            pace.tick().await;
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let text = format!("{sender} {n}");
            if try_publish_to(Arc::clone(&self.store), &text).await.is_ok() {
                self.acknowledged.lock().expect("no panic").push(text);
            }
        }
    }

    /// Kills a server under load.
    async fn through(self, kill: impl Future<Output = ()>, what: &str) -> Outcome {
        let sending = join_all((0..SENDERS).map(|sender| self.send(sender)));
        let failing = async {
            eventually_true(SOON, "events are taken", async || {
                self.running.readiness.is_ready() && self.recorder.seen().len() >= 300
            })
            .await;
            let killed = Instant::now();
            kill.await;
            let (published, seen) = (self.acknowledged().len(), self.recorder.seen().len());
            let left = RECOVERY.saturating_sub(killed.elapsed());
            eventually_true(left, "events are acknowledged and take effect again", async || {
                self.running.readiness.is_ready()
                    && self.acknowledged().len() >= published + 20
                    && self.recorder.seen().len() >= seen + 20
            })
            .await;
            let recovered = killed.elapsed();
            self.stop.store(true, Ordering::Relaxed);
            recovered
        };
        let (_, recovered) = tokio::join!(sending, failing);
        eventually_true(SOON, "all that is left is settled", async || {
            self.store.depth(Queue::Events).await.is_ok_and(|depth| depth == 0)
        })
        .await;
        self.running.stop().await;
        let seen = self.recorder.seen();
        let acted_on: std::collections::HashSet<_> = seen.iter().collect();
        let acknowledged = self.acknowledged.lock().expect("no panic");
        let lost = acknowledged.iter().filter(|text| !acted_on.contains(text)).count();
        let again = seen.len() - acted_on.len();
        println!(
            "{what}: events took effect again after {recovered:?}; of {} acknowledged {lost} were lost, {again} were \
             handed out again",
            acknowledged.len(),
        );
        Outcome { lost }
    }
}

async fn with_sentinels(durable: Durable) -> Outcome {
    let logs = Logs::default();
    let _collected = logs.collect();
    let servers = RedisSentinel::start().await;
    let load = Load::on(&servers.url(), durable);
    let kill = async {
        servers.fail_over().await;
    };
    let outcome = load.through(kill, &format!("Sentinel, {durable:?}")).await;
    // A shard whose call waited for the successor has nothing to say.
    let said = logs.text().matches("no events can be taken").count();
    assert!(said <= usize::from(durable.shards), "more than once for a shard: {}", logs.text());
    outcome
}

async fn with_a_cluster(durable: Durable) -> Outcome {
    let cluster = TestCluster::start_with_replicas().await;
    let owner = cluster.owner_of("tp1:{e0}:s").await;
    let load = Load::on(&cluster.url(), durable);
    // It comes back as a replica: without one, nothing would be confirmed any more.
    let kill = async {
        cluster.fail_over(owner).await;
        cluster.masters()[owner].restart().await;
    };
    load.through(kill, &format!("cluster, {durable:?}")).await
}

#[tokio::test]
async fn no_acknowledged_event_is_lost_with_its_primary_when_replicas_confirm() {
    assert_eq!(with_sentinels(CONFIRMED).await.lost, 0);
}

/// Replication is asynchronous: what is lost is counted and not forbidden.
#[tokio::test]
async fn events_go_on_in_time_after_their_primary_died() {
    with_sentinels(UNCONFIRMED).await;
}

#[tokio::test]
async fn no_acknowledged_event_is_lost_with_its_master_when_replicas_confirm() {
    assert_eq!(with_a_cluster(CONFIRMED).await.lost, 0);
}

#[tokio::test]
async fn events_go_on_in_time_after_their_master_died() {
    with_a_cluster(UNCONFIRMED).await;
}
