//! Names of consumers whose process is gone: removed, and nothing with them.

use std::{sync::Arc, time::Duration};

use test_support::{TestRedis, eventually_true};
use textproof::{
    store::{Entry, EventStore, Queue, Store, Suspects},
    stream::{Consumer, ConsumerSettings},
};

use crate::fixture::{self, member, millis, redis, settle};

crate::on_every_store!(
    a_consumer_with_empty_hands_is_reaped_when_it_was_silent_long_enough,
    a_consumer_with_an_entry_in_its_hands_is_never_reaped,
    a_reaped_consumer_that_lives_is_back_with_its_next_entry,
    no_more_are_reaped_than_was_said,
);

const HOUR: Duration = Duration::from_secs(3600);

async fn publish(store: &Arc<dyn Store>, name: &str) {
    fixture::publish(store.as_ref(), Queue::Events, name).await.expect("the store answers");
}

/// Has this consumer take one new entry.
async fn take(store: &Arc<dyn Store>, consumer: &str) -> Entry {
    publish(store, consumer).await;
    let mut reader = store.reader(&member(consumer)).await.expect("the store answers");
    reader.read(1, millis(20)).await.expect("the store answers").remove(0)
}

/// Leaves the name of a process that has settled everything.
async fn leave(store: &Arc<dyn Store>, consumer: &str) {
    let entry = take(store, consumer).await;
    assert!(settle(store, &member(consumer), &entry).await);
}

async fn reap(store: &Arc<dyn Store>, silent: Duration, most: usize) -> u64 {
    store.reap(&member("reaper"), silent, most).await.expect("the store answers")
}

async fn a_consumer_with_empty_hands_is_reaped_when_it_was_silent_long_enough(store: Arc<dyn Store>) {
    leave(&store, "gone").await;
    assert_eq!(reap(&store, HOUR, 10).await, 0, "it was there a moment ago");
    let silent = millis(80);
    let reaped = async || reap(&store, silent, 10).await == 1;
    eventually_true(Duration::from_secs(5), "the name is removed", reaped).await;
    assert_eq!(reap(&store, Duration::ZERO, 10).await, 0, "nobody is left but the reaper itself");
}

async fn a_consumer_with_an_entry_in_its_hands_is_never_reaped(store: Arc<dyn Store>) {
    let entry = take(&store, "slow").await;
    assert_eq!(reap(&store, Duration::ZERO, 10).await, 0);
    let reaper = member("reaper");
    let swept = store.sweep(&reaper, Duration::ZERO, "-", 10, Suspects::LeftOut).await;
    let swept = swept.expect("the store answers").entries;
    assert_eq!(swept.len(), 1, "its entry was not forgotten");
    assert!(!settle(&store, &member("slow"), &entry).await);
    assert_eq!(reap(&store, Duration::ZERO, 10).await, 1, "its hands are empty now");
    assert!(settle(&store, &member("reaper"), &swept[0]).await);
}

async fn a_reaped_consumer_that_lives_is_back_with_its_next_entry(store: Arc<dyn Store>) {
    let mut reader = store.reader(&member("idle")).await.expect("the store answers");
    leave(&store, "idle").await;
    let waiting = tokio::spawn(async move { reader.read(1, Duration::from_secs(2)).await });
    assert_eq!(reap(&store, Duration::ZERO, 10).await, 1);
    publish(&store, "next").await;
    let entry = waiting.await.expect("no panic").expect("the store answers").remove(0);
    assert!(settle(&store, &member("idle"), &entry).await);
}

async fn no_more_are_reaped_than_was_said(store: Arc<dyn Store>) {
    for n in 0..5 {
        leave(&store, &format!("gone-{n}")).await;
    }
    assert_eq!(reap(&store, Duration::ZERO, 2).await, 2);
    assert_eq!(reap(&store, Duration::ZERO, 10).await, 3);
}

async fn idle(server: &TestRedis, consumer: &str) -> Option<u64> {
    let consumers: Vec<std::collections::HashMap<String, redis::Value>> = redis::cmd("XINFO")
        .arg(&["CONSUMERS", "tp1:{e0}:s", "textproof"])
        .query_async(&mut server.connection().await)
        .await
        .expect("XINFO answers");
    let name = redis::Value::BulkString(consumer.into());
    let consumer = consumers.into_iter().find(|known| known["name"] == name)?;
    redis::from_redis_value(consumer["idle"].clone()).ok()
}

/// Redis 7.0 does not count reads that find nothing.
#[tokio::test]
async fn a_consumer_that_only_waits_shows_that_it_is_there() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    leave(&store, "idle").await;
    let before = async || idle(&server, "idle").await.expect("it is known") >= 300;
    eventually_true(Duration::from_secs(5), "it was silent for a while", before).await;
    store.reap(&member("idle"), HOUR, 10).await.expect("the store answers");
    let silent = idle(&server, "idle").await.expect("it is known");
    assert!(silent < 300, "{silent} ms");
}

#[tokio::test]
async fn reaping_in_a_lost_group_is_no_error() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    assert_eq!(reap(&store, Duration::ZERO, 10).await, 0);
    leave(&store, "gone").await;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut server.connection().await).await.expect("an answer");
    assert_eq!(reap(&store, Duration::ZERO, 10).await, 0);
}

#[tokio::test]
async fn a_running_consumer_looks_for_names_and_shows_its_own() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    leave(&store, "gone").await;
    let lease = Duration::from_secs(30);
    let settings = ConsumerSettings { group: "textproof".into(), host: "one".into(), lease };
    let mut consumer = Consumer::of_every_shard(store as Arc<dyn EventStore>, &settings).remove(0);
    let mut monitor = server.monitor().await;
    assert!(consumer.next(1).await.expect("the store answers").is_empty());
    let lines = monitor.lines().await;
    let call = |name: &str| {
        let digest = textproof::store::redis::scripts().into_iter().find(|script| script.name == name);
        let digest = digest.expect("a script").digest;
        lines.iter().position(|line| line.contains(&digest)).expect("it is called")
    };
    let reaped = call("reap");
    assert!(lines[reaped].contains("\"3600000\""), "{}", lines[reaped]);
    assert!(reaped < call("sweep"), "with empty hands, since their lease would run meanwhile");
    assert!(idle(&server, "gone").await.is_some(), "an hour has not passed");
}
