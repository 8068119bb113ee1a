//! Redis dies or hangs: the sender is told to keep the webhook, soon, and what was acknowledged is there.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use test_support::{Fsync, Process, TestRedis, eventually_true};
use tokio::{task::JoinSet, time::Instant};

use crate::fixture::{EVENTS, PATIENCE, World, delivered, http, post, websms};

const SENDERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_redis_is_killed() {
    let redis = TestRedis::builder().aof(Fsync::Always).start().await;
    let world = World::on(redis, "");
    let ingest = world.binary("webhook-ingest").listen().await;
    let senders = Senders::start(&ingest);
    eventually_true(PATIENCE, "webhooks are acknowledged", async || senders.acknowledged() >= 100).await;
    world.redis.kill();
    eventually_true(PATIENCE, "webhooks are turned away", async || senders.refused() >= SENDERS).await;
    told_to_come_back(&ingest, "while-down").await;

    world.redis.restart().await;
    let before = senders.acknowledged();
    eventually_true(PATIENCE, "webhooks are acknowledged again", async || {
        senders.acknowledged() > before + 100
    })
    .await;
    let (acknowledged, refused) = senders.stop().await;
    let url = websms(&ingest);
    for message in refused.iter().map(String::as_str).chain(["while-down"]) {
        let (status, _) = post(&http(), &url, delivered(message)).await;
        assert_eq!(status, 200, "redelivery of {message}: {ingest}");
    }
    let dump = world.redis.dump_all().await;
    let stream = dump.keys.iter().find(|key| key.key == EVENTS.as_bytes());
    let stream = stream.expect("the event stream");
    let all: HashSet<_> = acknowledged.iter().chain(&refused).cloned().collect();
    let bodies: HashSet<_> = stream.contents.iter().map(Vec::as_slice).collect();
    for message in &all {
        assert!(bodies.contains(delivered(message).as_bytes()), "{message} is lost");
    }
    // Refused ones that were stored all the same are not stored twice.
    assert_eq!(world.depth(EVENTS).await, all.len() + 1);
}

#[tokio::test]
async fn an_answer_comes_in_two_seconds_though_redis_hangs() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let (http, url) = (http(), websms(&ingest));
    assert_eq!(post(&http, &url, delivered("before")).await.0, 200);
    world.redis.freeze();
    for message in ["hung-1", "hung-2"] {
        told_to_come_back(&ingest, message).await;
    }
    world.redis.thaw();
    for message in ["hung-1", "hung-2"] {
        eventually_true(PATIENCE, "a redelivery is stored", async || {
            post(&http, &url, delivered(message)).await.0 == 200
        })
        .await;
    }
    assert_eq!(world.depth(EVENTS).await, 3);
}

/// 503 with `Retry-After` and nothing else, in less than 2 s.
async fn told_to_come_back(ingest: &Process, message: &str) {
    let asked = Instant::now();
    let answer = http().post(websms(ingest)).body(delivered(message)).send().await;
    let answer = answer.expect("an answer");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(answer.status(), 503);
    let wait = answer.headers()["retry-after"].to_str().expect("text").parse::<u64>();
    assert!(wait.is_ok_and(|seconds| (1..=60).contains(&seconds)));
    assert!(answer.bytes().await.expect("a whole answer").is_empty());
}

/// Posts new webhooks without a pause, and remembers what was answered.
struct Senders {
    told: Arc<Mutex<Told>>,
    ended: Arc<AtomicBool>,
    running: JoinSet<()>,
}

#[derive(Default)]
struct Told {
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

impl Senders {
    fn start(ingest: &Process) -> Self {
        let (told, ended) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
        let mut running = JoinSet::new();
        for sender in 0..SENDERS {
            let (http, url) = (http(), websms(ingest));
            let (told, ended) = (Arc::clone(&told), Arc::clone(&ended));
            running.spawn(async move {
                for number in 0.. {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let message = format!("sent-{sender}-{number}");
                    let (status, _) = post(&http, &url, delivered(&message)).await;
                    let mut told = told.lock().expect("no sender panicked");
                    match status {
                        200 => told.acknowledged.push(message),
                        503 => told.refused.push(message),
                        other => panic!("answered with {other}"),
                    }
                }
            });
        }
        Self { told, ended, running }
    }

    fn acknowledged(&self) -> usize {
        self.told.lock().expect("no sender panicked").acknowledged.len()
    }

    fn refused(&self) -> usize {
        self.told.lock().expect("no sender panicked").refused.len()
    }

    async fn stop(self) -> (Vec<String>, Vec<String>) {
        self.ended.store(true, Ordering::Relaxed);
        self.running.join_all().await;
        let mut told = self.told.lock().expect("no sender panicked");
        let told = std::mem::take(&mut *told);
        (told.acknowledged, told.refused)
    }
}
