//! A primary that dies under codes: what was answered holds, as far as `min_replicas` promises it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use test_support::{RedisSentinel, TestCluster, eventually_true};
use textproof::{
    secret::Fingerprint,
    store::{Checked, CodeKey, RedisSettings, RedisStore, RequestId, Reserved, Store},
};
use tokio::time::Instant;

use crate::fixture::{Phone, key};

/// Without a restart of whoever uses it.
const RECOVERY: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(20);
const HOSTS: usize = 8;

/// Codes that are sent and verified, each on a phone and purpose of its own, by several hosts at once.
struct Codes {
    store: Arc<dyn Store>,
    /// Those whose check was answered with `Right`.
    used: Mutex<Vec<(Phone, u32)>>,
    /// Codes that were there when their send was answered, and are not any more.
    forgotten: AtomicUsize,
    stop: AtomicBool,
}

/// What a failover took back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lost {
    /// Codes that can be used twice.
    uses: usize,
    /// Codes that are gone.
    codes: usize,
}

impl Codes {
    fn new(url: &str, min_replicas: u32) -> Self {
        let mut settings = RedisSettings::new(url);
        settings.min_replicas = min_replicas;
        let store = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
        Self { store, used: Mutex::default(), forgotten: AtomicUsize::new(0), stop: AtomicBool::new(false) }
    }

    fn count(&self) -> usize {
        self.used.lock().expect("no panic").len()
    }

    /// One host, until stopped. What is not answered is left alone, as by a person who tries again later.
    async fn flow(&self) {
        for n in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let phone = somebody(&self.store);
            match phone.try_reserve(RequestId::random(), Phone::fresh(n)).await {
                Ok(Reserved::Granted(_)) => {}
                Ok(denied @ Reserved::Denied { .. }) => panic!("nobody has asked for this phone: {denied:?}"),
                Err(_) => continue,
            }
            match phone.try_check(RequestId::random(), n, None).await {
                Ok(Checked::Right) => self.used.lock().expect("no panic").push((phone, n)),
                Ok(Checked::Absent) => drop(self.forgotten.fetch_add(1, Ordering::Relaxed)),
                Ok(other) => panic!("nobody else knows this code: {other:?}"),
                Err(_) => {}
            }
        }
    }

    /// How many codes that were used can be used again.
    async fn usable_twice(&self) -> usize {
        let used: Vec<_> = self.used.lock().expect("no panic").drain(..).collect();
        let mut twice = 0;
        for some in used.chunks(200) {
            let again = join_all(some.iter().map(|(phone, code)| phone.check(*code))).await;
            twice += again.into_iter().filter(|checked| *checked == Checked::Right).count();
        }
        twice
    }

    /// Kills a server under load and says what was lost.
    async fn through(&self, kill: impl Future<Output = ()>, deadline: Duration, what: &str) -> Lost {
        let hosts = join_all((0..HOSTS).map(|_| self.flow()));
        let failing = async {
            eventually_true(SOON, "codes are verified", async || self.count() >= 300).await;
            let (killed, before) = (Instant::now(), self.count());
            kill.await;
            let left = deadline.saturating_sub(killed.elapsed());
            eventually_true(left, "codes are verified again", async || {
                self.count() >= before + 100 && self.store.ping().await.is_ok()
            })
            .await;
            let recovered = killed.elapsed();
            self.stop.store(true, Ordering::Relaxed);
            recovered
        };
        let (_, recovered) = tokio::join!(hosts, failing);
        let all = self.count();
        let lost = Lost { uses: self.usable_twice().await, codes: self.forgotten.load(Ordering::Relaxed) };
        println!("{what}: codes were verified again after {recovered:?}; of {all} used codes: {lost:?}");
        lost
    }
}

/// A phone that nobody has used before, in any slot.
fn somebody(store: &Arc<dyn Store>) -> Phone {
    let phone = Fingerprint::from_bytes(rand::random());
    Phone { key: CodeKey { phone, ..key(1, "login") }, ..Phone::new(store) }
}

async fn with_sentinels(min_replicas: u32) -> Lost {
    let servers = RedisSentinel::start().await;
    let codes = Codes::new(&servers.url(), min_replicas);
    let kill = async {
        servers.fail_over().await;
    };
    let what = format!("Sentinel, min_replicas {min_replicas}");
    codes.through(kill, RECOVERY, &what).await
}

#[tokio::test]
async fn no_code_is_used_twice_though_its_primary_dies_when_replicas_confirm() {
    assert_eq!(with_sentinels(1).await, Lost::default());
}

/// The old primary takes writes until it hears of its successor, and may have them confirmed by the replica that has not
/// heard either. What all replicas have, the successor has.
#[tokio::test]
async fn no_code_is_used_twice_through_a_handover_when_all_replicas_confirm() {
    let servers = RedisSentinel::start().await;
    let codes = Codes::new(&servers.url(), 2);
    let handover = async {
        servers.hand_over().await;
    };
    assert_eq!(codes.through(handover, SOON, "handover, min_replicas 2").await, Lost::default());
}

/// Replication is asynchronous: what is lost is counted and not forbidden.
#[tokio::test]
async fn codes_go_on_in_time_after_their_primary_died() {
    with_sentinels(0).await;
}

/// The master of a third of all phones dies, and comes back as a replica of the one that took its place.
#[tokio::test]
async fn no_code_is_used_twice_though_a_master_of_the_cluster_dies_when_replicas_confirm() {
    let cluster = TestCluster::start_with_replicas().await;
    for min_replicas in [0, 1] {
        let codes = Codes::new(&cluster.url(), min_replicas);
        // Another one each time; the first is a replica by then.
        let dying = min_replicas as usize;
        let kill = async {
            cluster.fail_over(dying).await;
            cluster.masters()[dying].restart().await;
        };
        let what = format!("cluster, min_replicas {min_replicas}");
        let lost = codes.through(kill, RECOVERY, &what).await;
        assert!(lost == Lost::default() || min_replicas == 0, "{lost:?}");
    }
}
