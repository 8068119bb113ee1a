//! Dead letters and quarantined webhooks go after 30 days: each of them, and whether or not another one comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use test_support::{TestRedis, eventually_true};
use textproof::{
    store::{EventStore, Failures, MemoryStore, Order, Queue, Store},
    stream::{Consumer, ConsumerSettings},
};

use crate::fixture::{self, member, millis, redis};

const DEAD_LETTERS: &str = "tp1:{e0}:dead";
const QUARANTINE: &str = "tp1:{e0}:q";
const DAY_MS: u64 = 86_400_000;

async fn publish(store: &dyn Store, queue: Queue, name: &str) {
    fixture::publish(store, queue, name).await.expect("the store answers");
}

async fn bury(store: &dyn Store, name: &str) {
    publish(store, Queue::Events, name).await;
    let mut reader = store.reader(&member("one")).await.expect("the store answers");
    let entry = reader.read(1, millis(20)).await.expect("the store answers").remove(0);
    let buried =
        store.bury_event(&member("one"), &entry.id, &entry.claim, &Failures::default(), "fatal").await;
    assert!(buried.expect("the store answers"));
}

/// Dead letters and quarantined webhooks.
async fn kept(store: &dyn Store) -> (usize, usize) {
    let letters = store.dead_letters(Order::OldestFirst, None, 100).await.expect("the store answers");
    let quarantined = store.kept(Order::OldestFirst, None, 100).await.expect("the store answers");
    (letters.len(), quarantined.len())
}

/// One of 31 days ago and one of 29 in both streams, as this Redis would have written them.
async fn age(server: &TestRedis) {
    let mut connection = server.connection().await;
    let (seconds, _): (u64, u64) =
        redis::cmd("TIME").query_async(&mut connection).await.expect("TIME answers");
    for stream in [DEAD_LETTERS, QUARANTINE] {
        for days in [31, 29] {
            let position = format!("{}-0", seconds * 1000 - days * DAY_MS);
            let fields = ["i", "evt_old", "c", "0", "e", "old", "r", "raw", "w", "fatal"];
            let _: String = redis::cmd("XADD")
                .arg(stream)
                .arg(position)
                .arg(&fields)
                .arg(&["n", "1", "a", "0", "f", "", "l", "", "d", "12345678"])
                .query_async(&mut connection)
                .await
                .expect("XADD answers");
        }
    }
}

#[tokio::test]
async fn what_was_kept_for_30_days_is_dropped_from_redis() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    age(&server).await;
    assert_eq!(kept(&*store).await, (2, 2));
    assert_eq!(store.drop_expired(0).await.expect("the store answers"), 2);
    assert_eq!(kept(&*store).await, (1, 1), "those of 29 days stay");
    assert_eq!(store.drop_expired(0).await.expect("the store answers"), 0);
}

#[tokio::test]
async fn a_new_one_in_redis_drops_each_that_was_kept_for_30_days() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    age(&server).await;
    bury(&*store, "dead").await;
    assert_eq!(kept(&*store).await, (2, 2));
    publish(&*store, Queue::Quarantine, "not understood").await;
    assert_eq!(kept(&*store).await, (2, 2));
    assert_eq!(store.drop_expired(0).await.expect("the store answers"), 0, "nothing is left to drop");
}

#[tokio::test]
async fn a_consumer_drops_them_though_nothing_comes() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    age(&server).await;
    let settings =
        ConsumerSettings { group: "textproof".into(), host: "host".into(), lease: Duration::from_secs(1) };
    let mut consumer =
        Consumer::of_every_shard(Arc::clone(&store) as Arc<dyn EventStore>, &settings).remove(0);
    eventually_true(Duration::from_secs(10), "the old ones are dropped", async || {
        assert!(consumer.next(1).await.expect("the store answers").is_empty());
        kept(&*store).await == (1, 1)
    })
    .await;
}

#[tokio::test]
async fn what_was_kept_for_30_days_is_dropped_from_memory() {
    let clock = Arc::new(AtomicU64::new(1_800_000_000_000));
    let reading = Arc::clone(&clock);
    let store = MemoryStore::with_clock(move || reading.load(Ordering::SeqCst));
    let pass = |days: u64| clock.fetch_add(days * DAY_MS, Ordering::SeqCst);
    bury(&store, "one").await;
    publish(&store, Queue::Quarantine, "two").await;
    pass(29);
    assert_eq!(store.drop_expired(0).await.expect("the store answers"), 0);
    bury(&store, "three").await;
    publish(&store, Queue::Quarantine, "four").await;
    assert_eq!(kept(&store).await, (2, 2));
    pass(2);
    assert_eq!(store.drop_expired(0).await.expect("the store answers"), 2);
    assert_eq!(kept(&store).await, (1, 1));
    pass(29);
    bury(&store, "five").await;
    assert_eq!(kept(&store).await, (1, 1), "a new one drops the old one too");
    publish(&store, Queue::Quarantine, "six").await;
    assert_eq!(kept(&store).await, (1, 1));
}
