//! Event streams: publish once, read as a group, settle what is still yours.

use std::{sync::Arc, time::Duration};

use test_support::eventually;
use textproof::{
    event::{Content, ContentDigest, DeliveryReport, DeliveryStatus, Event, EventId, Identity},
    store::{Claim, Entry, EventStore, GroupMember, Publish, Published, Queue, Store, Suspects},
    stream::{Consumer, ConsumerSettings, Outgoing, Producer},
};

use crate::fixture::millis;

crate::on_every_store!(
    an_event_is_published_once,
    other_content_under_one_identity_is_a_conflict,
    copies_at_once_are_one_entry,
    a_settled_event_stays_a_duplicate,
    entries_are_read_once_and_in_order,
    a_reader_waits_for_an_entry,
    an_abandoned_entry_is_swept_with_a_higher_count,
    a_stale_claim_settles_nothing,
    a_released_entry_comes_back_at_once_and_uncounted,
    a_sweep_goes_on_where_it_stopped,
    quarantine_is_apart_from_events,
);

const LEASE: Duration = Duration::from_millis(80);

pub(crate) fn member(consumer: &str) -> GroupMember {
    GroupMember { group: "textproof".into(), consumer: consumer.into(), shard: 0 }
}

fn id(name: &str) -> EventId {
    EventId::of(&Identity::of_body("test", name.as_bytes()))
}

pub(crate) async fn publish(store: &Arc<dyn Store>, name: &str, content: u8) -> Published {
    publish_to(store, Queue::Events, name, content).await
}

async fn publish_to(store: &Arc<dyn Store>, queue: Queue, name: &str, content: u8) -> Published {
    let publish = Publish {
        queue,
        id: &id(name),
        conflict_id: &id(&format!("{name} {content}")),
        digest: ContentDigest([content; 8]),
        envelope: name,
        raw: &[0, 255, content],
        placement: 0,
    };
    store.publish(&publish).await.expect("the store answers")
}

pub(crate) async fn read(store: &Arc<dyn Store>, consumer: &str, count: usize) -> Vec<Entry> {
    let mut reader = store.reader(&member(consumer)).await.expect("the store answers");
    reader.read(count, millis(20)).await.expect("the store answers")
}

async fn swept(store: &Arc<dyn Store>, consumer: &str) -> Entry {
    eventually(Duration::from_secs(5), "an abandoned entry is swept", async || {
        let swept = store
            .sweep(&member(consumer), LEASE, "-", 10, Suspects::LeftOut)
            .await
            .expect("the store answers");
        swept.entries.into_iter().next()
    })
    .await
}

async fn settle(store: &Arc<dyn Store>, consumer: &str, entry: &Entry) -> bool {
    crate::fixture::settle(store, &member(consumer), entry).await
}

async fn an_event_is_published_once(store: Arc<dyn Store>) {
    assert_eq!(publish(&store, "a", 1).await, Published::New);
    for _ in 0..5 {
        assert_eq!(publish(&store, "a", 1).await, Published::Duplicate);
    }
    let entries = read(&store, "one", 10).await;
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].id.as_str(), entries[0].envelope.as_str()), (id("a").as_str(), "a"));
    assert_eq!(entries[0].raw.as_ref(), [0, 255, 1]);
    assert_eq!(entries[0].claim.deliveries, 1);
}

async fn other_content_under_one_identity_is_a_conflict(store: Arc<dyn Store>) {
    publish(&store, "a", 1).await;
    assert_eq!(publish(&store, "a", 2).await, Published::Conflict);
    assert_eq!(publish(&store, "a", 2).await, Published::Duplicate);
    assert_eq!(publish(&store, "a", 3).await, Published::Conflict);
    assert_eq!(publish(&store, "a", 1).await, Published::Duplicate);
    let entries = read(&store, "one", 10).await;
    let conflicts: Vec<_> = entries.iter().map(|entry| entry.conflict).collect();
    assert_eq!(conflicts, [false, true, true]);
    assert_eq!(entries[1].id, id("a 2").as_str());
}

async fn copies_at_once_are_one_entry(store: Arc<dyn Store>) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { publish(&store, "a", 1).await });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Published::New).count(), 1);
    assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 1);
}

async fn a_settled_event_stays_a_duplicate(store: Arc<dyn Store>) {
    publish(&store, "a", 1).await;
    let entries = read(&store, "one", 10).await;
    assert!(settle(&store, "one", &entries[0]).await);
    assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 0);
    assert_eq!(publish(&store, "a", 1).await, Published::Duplicate);
    assert!(!settle(&store, "one", &entries[0]).await, "settling twice changes nothing");
}

async fn entries_are_read_once_and_in_order(store: Arc<dyn Store>) {
    for i in 0..20 {
        publish(&store, &format!("e{i}"), 1).await;
    }
    let mut names = Vec::new();
    for consumer in ["one", "two", "one", "two"] {
        names.extend(read(&store, consumer, 5).await.into_iter().map(|entry| entry.envelope));
    }
    assert_eq!(names, (0..20).map(|i| format!("e{i}")).collect::<Vec<_>>());
    assert!(read(&store, "one", 5).await.is_empty());
}

async fn a_reader_waits_for_an_entry(store: Arc<dyn Store>) {
    let mut reader = store.reader(&member("one")).await.expect("the store answers");
    let waiting = tokio::spawn(async move { reader.read(1, Duration::from_secs(2)).await });
    publish(&store, "a", 1).await;
    assert_eq!(waiting.await.expect("no panic").expect("the store answers").len(), 1);
}

async fn an_abandoned_entry_is_swept_with_a_higher_count(store: Arc<dyn Store>) {
    publish(&store, "a", 1).await;
    read(&store, "dead", 1).await;
    let entry = swept(&store, "alive").await;
    assert_eq!((entry.claim.deliveries, entry.envelope.as_str()), (2, "a"));
}

async fn a_stale_claim_settles_nothing(store: Arc<dyn Store>) {
    publish(&store, "a", 1).await;
    let stale = read(&store, "slow", 1).await.remove(0);
    // The slow consumer itself sweeps the entry back: same name, higher count.
    let current = swept(&store, "slow").await;
    assert!(!settle(&store, "slow", &stale).await, "the count has moved on");
    assert!(!settle(&store, "other", &current).await, "another consumer has it");
    assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 1);
    assert!(settle(&store, "slow", &current).await);
}

async fn a_released_entry_comes_back_at_once_and_uncounted(store: Arc<dyn Store>) {
    publish(&store, "a", 1).await;
    let entry = read(&store, "one", 1).await.remove(0);
    let lease = Duration::from_secs(30);
    assert!(store.give_back(&member("one"), &entry.claim, lease).await.expect("the store answers"));
    let swept =
        store.sweep(&member("two"), lease, "-", 10, Suspects::LeftOut).await.expect("the store answers");
    assert_eq!(swept.entries.len(), 1);
    assert_eq!(swept.entries[0].claim.deliveries, 1, "the first start is not counted");
    let stale = Claim { deliveries: 1, ..entry.claim };
    assert!(!store.give_back(&member("one"), &stale, lease).await.expect("the store answers"));
}

async fn a_sweep_goes_on_where_it_stopped(store: Arc<dyn Store>) {
    for i in 0..7 {
        publish(&store, &format!("e{i}"), 1).await;
    }
    assert_eq!(read(&store, "dead", 10).await.len(), 7);
    let (mut cursor, mut names) = ("-".to_owned(), Vec::new());
    loop {
        let swept = store
            .sweep(&member("alive"), Duration::ZERO, &cursor, 3, Suspects::LeftOut)
            .await
            .expect("the store answers");
        names.extend(swept.entries.into_iter().map(|entry| entry.envelope));
        cursor = swept.cursor;
        if cursor == "-" {
            break;
        }
    }
    assert_eq!(names, (0..7).map(|i| format!("e{i}")).collect::<Vec<_>>());
}

async fn quarantine_is_apart_from_events(store: Arc<dyn Store>) {
    assert_eq!(publish_to(&store, Queue::Quarantine, "odd", 0).await, Published::New);
    assert_eq!(publish_to(&store, Queue::Quarantine, "odd", 0).await, Published::Duplicate);
    assert_eq!(store.depth(Queue::Quarantine).await.expect("the store answers"), 1);
    assert!(read(&store, "one", 10).await.is_empty());
}

#[tokio::test]
async fn a_lost_stream_is_healed_by_redelivery() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    publish(&store, "a", 1).await;
    let mut connection = server.connection().await;
    let _: () = redis::cmd("DEL").arg("tp1:{e0}:s").query_async(&mut connection).await.expect("DEL answers");
    assert_eq!(publish(&store, "a", 1).await, Published::Healed);
    assert_eq!(publish(&store, "a", 1).await, Published::Duplicate);
    assert_eq!(read(&store, "one", 10).await.len(), 1);
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.expect("FLUSHALL answers");
    assert_eq!(publish(&store, "a", 1).await, Published::New);
}

#[tokio::test]
async fn a_reader_survives_the_loss_of_its_group() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let mut reader = store.reader(&member("one")).await.expect("the store answers");
    let mut connection = server.connection().await;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.expect("FLUSHALL answers");
    publish(&store, "a", 1).await;
    assert!(reader.read(1, millis(20)).await.expect("the group is created again").is_empty());
    assert_eq!(reader.read(1, millis(20)).await.expect("the store answers").len(), 1);
}

#[tokio::test]
async fn a_consumer_retires_only_with_empty_hands() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    publish(&store, "a", 1).await;
    let entry = read(&store, "one", 1).await.remove(0);
    store.retire(&member("one")).await.expect("the store answers");
    assert!(settle(&store, "one", &entry).await, "its entry was not forgotten");
    store.retire(&member("one")).await.expect("the store answers");
    let mut connection = server.connection().await;
    let consumers: Vec<redis::Value> = redis::cmd("XINFO")
        .arg(&["CONSUMERS", "tp1:{e0}:s", "textproof"])
        .query_async(&mut connection)
        .await
        .expect("XINFO answers");
    assert!(consumers.is_empty());
}

/// Publishes an event that a consumer can read, with `raw` as its body.
async fn publish_event(store: &Arc<dyn Store>, raw: &[u8]) -> Published {
    let content = Content::DeliveryReport(DeliveryReport {
        gateway: "connexus".into(),
        message_id: "MSG1".into(),
        status: DeliveryStatus::Delivered,
        status_word: None,
        status_code: None,
        reported_at_ms: None,
        extra: serde_json::Map::new(),
    });
    let (identity, digest) = (Identity::of_body("test", raw), ContentDigest::of(&content));
    let event = Event {
        id: EventId::of(&identity),
        endpoint: "test".into(),
        tenant: "default".into(),
        received_at_ms: 1,
        conflict: false,
        content,
    };
    let producer = Producer::new(Arc::clone(store) as Arc<dyn EventStore>);
    producer
        .publish(&Outgoing::event(&event, &identity, digest, raw.to_vec().into()))
        .await
        .expect("the store answers")
}

#[tokio::test]
async fn a_consumer_goes_on_after_the_loss_of_everything() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let settings = ConsumerSettings { group: "textproof".into(), host: "one".into(), lease: LEASE };
    let mut consumer =
        Consumer::of_every_shard(Arc::clone(&store) as Arc<dyn EventStore>, &settings).remove(0);
    assert!(consumer.next(1).await.expect("the store answers").is_empty());
    let mut connection = server.connection().await;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.expect("FLUSHALL answers");
    // A sweep falls due before the next read: neither may fail on the missing group.
    eventually(Duration::from_secs(10), "events are taken again", async || {
        publish_event(&store, b"a").await;
        consumer.next(1).await.expect("no error is seen").pop().map(drop)
    })
    .await;
}

/// By Redis's own clock, so that a slow machine only makes it fewer.
#[tokio::test]
async fn an_idle_consumer_asks_less_than_twice_a_second() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let lease = Duration::from_secs(30);
    let settings = ConsumerSettings { group: "textproof".into(), host: "one".into(), lease };
    let mut consumer = Consumer::of_every_shard(store as Arc<dyn EventStore>, &settings).remove(0);
    assert!(consumer.next(1).await.expect("the store answers").is_empty());
    let mut monitor = server.monitor().await;
    for _ in 0..10 {
        assert!(consumer.next(1).await.expect("the store answers").is_empty());
    }
    // Commands of clients: what a script does inside is marked with `lua`.
    let lines = monitor.lines().await;
    let asked: Vec<f64> = lines
        .iter()
        .filter(|line| line.contains("XREADGROUP") || line.contains("\"EVALSHA\""))
        .filter_map(|line| line.trim_start_matches('+').split(' ').next()?.parse().ok())
        .collect();
    let seconds = asked[asked.len() - 1] - asked[0];
    let rate = (asked.len() - 1) as f64 / seconds;
    assert!(seconds > 4.0 && rate < 2.0, "{rate} a second: {lines:?}");
}
