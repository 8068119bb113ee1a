//! Events in several shards: each in one place, all of them read, none written where nobody looks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use test_support::{TestCluster, TestRedis};
use textproof::{
    event::{ContentDigest, EventId, Identity},
    store::{
        Backlog, Detail, Failures, GroupMember, Order, Place, Publish, Published, Queue, RedisSettings,
        RedisStore, Store, StoreError,
    },
    stream::{Consumer, ConsumerSettings},
};

use crate::fixture::redis_at;

const LEASE: Duration = Duration::from_secs(30);

fn sharded(url: &str, shards: u16) -> Arc<dyn Store> {
    let mut settings = RedisSettings::new(url);
    settings.shards = shards;
    Arc::new(RedisStore::new(&settings).expect("the URL is usable"))
}

async fn try_publish(
    store: &Arc<dyn Store>,
    queue: Queue,
    identity: &Identity,
) -> Result<Published, StoreError> {
    let id = EventId::of(identity);
    let publish = Publish {
        queue,
        id: &id,
        conflict_id: &id,
        digest: ContentDigest([1; 8]),
        envelope: "{",
        raw: b"raw",
        placement: identity.placement(),
    };
    store.publish(&publish).await
}

async fn publish(store: &Arc<dyn Store>, queue: Queue, identity: &Identity) -> Published {
    try_publish(store, queue, identity).await.expect("the store answers")
}

fn body(n: u32) -> Identity {
    Identity::of_body("test", &n.to_be_bytes())
}

/// What is said of one message.
fn report(message: &str, code: u32) -> Identity {
    Identity::Message {
        endpoint: "test".into(),
        kind: "delivery",
        message_id: message.into(),
        status_code: Some(code.to_string()),
        timestamp: None,
    }
}

fn consumers(store: &Arc<dyn Store>) -> Vec<Consumer> {
    let settings = ConsumerSettings { group: "textproof".into(), host: "one".into(), lease: LEASE };
    Consumer::of_every_shard(Arc::clone(store) as _, &settings)
}

fn member(shard: u16) -> GroupMember {
    GroupMember { group: "textproof".into(), consumer: "one".into(), shard }
}

async fn every_shard_is_used_and_read(store: Arc<dyn Store>) {
    for n in 0..64 {
        assert_eq!(publish(&store, Queue::Events, &body(n)).await, Published::New);
    }
    for n in 0..64 {
        assert_eq!(publish(&store, Queue::Events, &body(n)).await, Published::Duplicate);
    }
    assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 64);
    assert_eq!(store.backlog().await.expect("the store answers").events, 64);
    let (mut ids, mut shards) = (BTreeSet::new(), BTreeSet::new());
    for mut consumer in consumers(&store) {
        for delivery in consumer.next(64).await.expect("the store answers") {
            assert!(ids.insert(delivery.id().to_owned()), "handed out twice");
            shards.insert(consumer.shard());
            assert!(delivery.ack().await.expect("the store answers"));
        }
    }
    assert_eq!((ids.len(), shards.len()), (64, 4));
    assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 0);
    assert_eq!(publish(&store, Queue::Events, &body(7)).await, Published::Duplicate);
}

#[tokio::test]
async fn every_shard_of_a_server_is_used_and_read() {
    let server = TestRedis::start().await;
    every_shard_is_used_and_read(sharded(&server.url(), 4)).await;
    crate::schema::assert_every_key_ends(&server).await;
}

#[tokio::test]
async fn every_shard_of_a_cluster_is_used_and_read() {
    let cluster = TestCluster::start().await;
    every_shard_is_used_and_read(sharded(&cluster.url(), 4)).await;
}

#[tokio::test]
async fn all_that_is_said_of_one_message_is_in_one_shard() {
    let server = TestRedis::start().await;
    let store = sharded(&server.url(), 8);
    for message in ["a", "b", "c", "d", "e", "f"] {
        for code in 0..4 {
            publish(&store, Queue::Events, &report(message, code)).await;
        }
    }
    for state in store.shard_states(8).await.expect("the store answers") {
        assert_eq!(state.backlog.events % 4, 0, "a message is in two shards");
    }
}

#[tokio::test]
async fn what_failed_stays_in_its_shard() {
    let server = TestRedis::start().await;
    let store = sharded(&server.url(), 3);
    for n in 0..12 {
        publish(&store, Queue::Events, &body(n)).await;
    }
    let failures = Failures { count: 1, first: "no".into(), last: "no".into() };
    for shard in 0..3 {
        let mut reader = store.reader(&member(shard)).await.expect("the store answers");
        for entry in reader.read(12, Duration::ZERO).await.expect("the store answers") {
            let delayed =
                store.delay_event(&member(shard), &entry.id, &entry.claim, &failures, Duration::ZERO).await;
            assert!(delayed.expect("the store answers"));
        }
    }
    assert_eq!(store.backlog().await.expect("the store answers").delayed, 12);
    for shard in 0..3 {
        let before = store.shard_states(3).await.expect("the store answers")[usize::from(shard)].backlog;
        let due = store.move_due(shard, 100).await.expect("the store answers");
        assert_eq!(due.moved, before.delayed);
        let after = store.shard_states(3).await.expect("the store answers")[usize::from(shard)].backlog;
        assert_eq!((after.delayed, after.events), (0, before.delayed));
    }
}

#[tokio::test]
async fn each_shard_tells_what_it_holds_and_who_reads_it() {
    let server = TestRedis::start().await;
    let store = sharded(&server.url(), 3);
    for n in 0..30 {
        publish(&store, Queue::Events, &body(n)).await;
    }
    let detail = Detail { consumers: 10, dead_letters: 10 };
    let states = async || store.group_states("textproof", detail).await.expect("the store answers");
    let before = states().await;
    let events: Vec<u64> = before.iter().map(|state| state.backlog.events).collect();
    assert_eq!((events.len(), events.iter().sum::<u64>()), (3, 30));
    assert!(events.iter().all(|events| *events >= 2), "a digest spreads them: {events:?}");

    let failures = Failures { count: 1, first: "no".into(), last: "no".into() };
    let mut reader = store.reader(&member(1)).await.expect("the store answers");
    let taken = reader.read(2, Duration::ZERO).await.expect("the store answers");
    let buried = store.bury_event(&member(1), &taken[0].id, &taken[0].claim, &failures, "fatal").await;
    assert!(buried.expect("the store answers"));
    let after = states().await;
    for shard in [0, 2] {
        assert_eq!(after[shard].backlog, before[shard].backlog, "{shard}");
        assert_eq!((after[shard].pending, after[shard].consumer_count), (0, 0), "{shard}");
    }
    assert_eq!((after[1].backlog.events, after[1].backlog.dead_letters), (events[1] - 1, 1));
    assert_eq!((after[1].pending, after[1].left, after[1].consumers[0].name.as_str()), (1, Some(1), "one"));
    assert_eq!(after[1].dead_letters_by_reason.get("fatal"), Some(&1));
}

/// Buries twelve events over all shards; returns their ids by position.
async fn bury_twelve(store: &Arc<dyn Store>) {
    for n in 0..12 {
        publish(store, Queue::Events, &body(n)).await;
        publish(store, Queue::Quarantine, &body(1_000 + n)).await;
    }
    for shard in 0..store.shards() {
        let mut reader = store.reader(&member(shard)).await.expect("the store answers");
        for entry in reader.read(12, Duration::ZERO).await.expect("the store answers") {
            let buried = store
                .bury_event(&member(shard), &entry.id, &entry.claim, &Failures::default(), "fatal")
                .await;
            assert!(buried.expect("the store answers"));
        }
    }
}

#[tokio::test]
async fn dead_letters_and_quarantine_are_one_list_over_all_shards() {
    let server = TestRedis::start().await;
    let store = sharded(&server.url(), 3);
    bury_twelve(&store).await;
    for count in [1, 5, 100] {
        let mut lists = BTreeMap::new();
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let (mut dead, mut kept) = (Vec::new(), Vec::new());
            loop {
                let after = dead.last().map(String::as_str);
                let page = store.dead_letters(order, after, count).await.expect("the store answers");
                let after = kept.last().map(String::as_str);
                let kept_page = store.kept(order, after, count).await.expect("the store answers");
                if page.is_empty() && kept_page.is_empty() {
                    break;
                }
                dead.extend(page.into_iter().map(|letter| letter.position));
                kept.extend(kept_page.into_iter().map(|kept| kept.position));
            }
            if order == Order::NewestFirst {
                dead.reverse();
                kept.reverse();
            }
            lists.insert(format!("{order:?}"), (dead, kept));
        }
        let mut lists = lists.into_values();
        let (one, other) = (lists.next().expect("a list"), lists.next().expect("a list"));
        assert_eq!(one, other, "pages of {count}");
        for list in [&one.0, &one.1] {
            assert_eq!(list.len(), 12);
            assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), 12);
            let times: Vec<u64> = list
                .iter()
                .map(|at| at.split_once('-').expect("a position").0.parse().expect("a time"))
                .collect();
            assert!(times.is_sorted(), "{list:?}");
            assert!(list.iter().any(|at| at.ends_with(".2")), "{list:?}");
        }
    }
}

#[tokio::test]
async fn a_dead_letter_and_a_kept_body_are_found_in_their_shard() {
    let server = TestRedis::start().await;
    let store = sharded(&server.url(), 3);
    bury_twelve(&store).await;
    let letters = store.dead_letters(Order::OldestFirst, None, 100).await.expect("the store answers");
    for (n, letter) in letters.iter().enumerate() {
        let found = store.dead_letter_at(&letter.position).await.expect("the store answers");
        assert_eq!(found.as_ref(), Some(letter));
        let done =
            if n % 2 == 0 { store.redrive(letter).await } else { store.drop_dead_letter(letter).await };
        assert!(done.expect("the store answers"));
    }
    for kept in store.kept(Order::OldestFirst, None, 100).await.expect("the store answers") {
        let found = store.kept_at(&kept.position).await.expect("the store answers");
        assert_eq!(found.as_ref(), Some(&kept));
        assert!(store.let_go(&kept).await.expect("the store answers"));
    }
    let backlog = store.backlog().await.expect("the store answers");
    assert_eq!((backlog.events, backlog.dead_letters, backlog.quarantined), (6, 0, 0));
    // What was redriven is read where its mark is, and so is settled and known.
    let mut settled = 0;
    for mut consumer in consumers(&store) {
        for delivery in consumer.next(12).await.expect("the store answers") {
            settled += u32::from(delivery.ack().await.expect("the store answers"));
        }
    }
    assert_eq!(settled, 6);
    for n in 0..12 {
        assert_eq!(publish(&store, Queue::Events, &body(n)).await, Published::Duplicate);
    }
}

#[tokio::test]
async fn the_first_number_holds_and_under_another_nothing_is_written_or_read() {
    let server = TestRedis::start().await;
    let fleet = sharded(&server.url(), 3);
    publish(&fleet, Queue::Events, &body(1)).await;
    for shards in [1, 4] {
        let other = sharded(&server.url(), shards);
        assert_eq!(other.agree_on_shards().await.expect("the store answers"), 3);
        let refused = |error: StoreError| {
            assert!(
                matches!(error, StoreError::OtherShards { configured, holds: 3 } if configured == shards),
                "{error}"
            );
        };
        refused(try_publish(&other, Queue::Events, &body(2)).await.expect_err("refused"));
        refused(other.reader(&member(0)).await.err().expect("refused"));
        refused(other.move_due(0, 1).await.expect_err("refused"));
        refused(other.depth(Queue::Events).await.expect_err("refused"));
        refused(other.dead_letters(Order::OldestFirst, None, 1).await.expect_err("refused"));
        refused(other.kept(Order::OldestFirst, None, 1).await.expect_err("refused"));
        for mut consumer in consumers(&other) {
            refused(consumer.next(1).await.expect_err("refused"));
        }
    }
    assert_eq!(fleet.depth(Queue::Events).await.expect("the store answers"), 1);
}

#[tokio::test]
async fn who_only_looks_does_not_decide_for_the_fleet() {
    let server = TestRedis::start().await;
    let operator = sharded(&server.url(), 4);
    assert_eq!(operator.written_shards().await.expect("the store answers"), None);
    assert_eq!(operator.depth(Queue::Events).await.expect("the store answers"), 0);
    assert_eq!(operator.backlog().await.expect("the store answers"), Backlog::default());
    assert_eq!(operator.dead_letters(Order::OldestFirst, None, 1).await.expect("the store answers").len(), 0);
    assert_eq!(operator.kept(Order::OldestFirst, None, 1).await.expect("the store answers").len(), 0);
    assert_eq!(
        operator
            .group_states("textproof", Detail { consumers: 1, dead_letters: 1 })
            .await
            .expect("the store answers")
            .len(),
        4
    );
    let page = operator.stored(Place::Stream, None, 1).await.expect("the store answers");
    assert_eq!(page.entries.len(), 0);
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut server.connection().await).await.expect("KEYS answers");
    assert_eq!(keys, Vec::<String>::new());

    let fleet = sharded(&server.url(), 3);
    publish(&fleet, Queue::Events, &body(1)).await;
    let error = operator.depth(Queue::Events).await.expect_err("refused");
    assert!(matches!(error, StoreError::OtherShards { configured: 4, holds: 3 }), "{error}");
    assert_eq!(operator.written_shards().await.expect("the store answers"), Some(3));
}

#[tokio::test]
async fn a_number_is_written_where_there_is_none_only_by_who_saw_none() {
    let server = TestRedis::start().await;
    let operator = redis_at(&server.url());
    assert!(!operator.rewrite_shards(Some(1), 2).await.expect("the store answers"));
    assert!(operator.rewrite_shards(None, 2).await.expect("the store answers"));
    assert!(!operator.rewrite_shards(None, 3).await.expect("the store answers"), "it is 2 now");
    assert_eq!(operator.written_shards().await.expect("the store answers"), Some(2));
}

#[tokio::test]
async fn a_process_that_was_forgotten_stops_when_the_number_is_rewritten() {
    let server = TestRedis::start().await;
    let forgotten = sharded(&server.url(), 3);
    publish(&forgotten, Queue::Events, &body(1)).await;
    let operator = redis_at(&server.url());
    assert!(!operator.rewrite_shards(Some(2), 1).await.expect("the store answers"), "it is not 2");
    assert!(operator.rewrite_shards(Some(3), 1).await.expect("the store answers"));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    let error = try_publish(&forgotten, Queue::Events, &body(2)).await.expect_err("refused");
    assert!(matches!(error, StoreError::OtherShards { configured: 3, holds: 1 }), "{error}");
    publish(&operator, Queue::Events, &body(2)).await;
}

#[tokio::test]
async fn how_long_a_shard_is_quiet_outlives_its_entries() {
    let server = TestRedis::start().await;
    let store = sharded(&server.url(), 2);
    assert!(
        store.shard_states(2).await.expect("the store answers").iter().all(|state| state.quiet_for.is_none())
    );
    let identity = body(3);
    publish(&store, Queue::Events, &identity).await;
    for mut consumer in consumers(&store) {
        for delivery in consumer.next(1).await.expect("the store answers") {
            assert!(delivery.ack().await.expect("the store answers"));
        }
    }
    let states = store.shard_states(2).await.expect("the store answers");
    let shard = usize::try_from(identity.placement() % 2).expect("0 or 1");
    let quiet_for = states[shard].quiet_for.expect("something was appended");
    assert!(quiet_for < Duration::from_secs(60), "{quiet_for:?}");
    assert_eq!((states[shard].backlog.events, states[1 - shard].quiet_for), (0, None));
}
