//! Several shards, in a Redis of the test's own.

use std::sync::Arc;

use test_support::{TestRedis, eventually_true};
use textproof::store::{EventStore, Queue, RedisSettings, RedisStore};
use worker::WorkerOptions;

use crate::fixture::{Doing, PATIENCE, Recorder, Running, identity, publish_to};

const SHARDS: u16 = 3;

fn store(server: &TestRedis) -> Arc<dyn EventStore> {
    let mut settings = RedisSettings::new(server.url());
    settings.shards = SHARDS;
    Arc::new(RedisStore::new(&settings).expect("the URL is usable"))
}

/// So many texts whose events go to this shard.
fn texts_of(shard: u64, count: usize) -> Vec<String> {
    let texts = (0..).map(|n| format!("{shard} {n}"));
    texts.filter(|text| identity(text).placement() % u64::from(SHARDS) == shard).take(count).collect()
}

#[tokio::test]
async fn a_busy_shard_does_not_keep_a_quiet_one_waiting() {
    let server = TestRedis::start().await;
    let store = store(&server);
    let (busy, quiet) = (texts_of(0, 600), texts_of(1, 1));
    for text in busy.iter().chain(&quiet) {
        publish_to(Arc::clone(&store), text).await;
    }
    let recorder = Recorder::new(|_| Doing::Succeed);
    let options = WorkerOptions { concurrency: usize::from(SHARDS), ..WorkerOptions::default() };
    let running = Running::start_on(Arc::clone(&store), vec![recorder.clone()], options);
    eventually_true(PATIENCE, "all are settled", async || {
        store.depth(Queue::Events).await.expect("the store answers") == 0
    })
    .await;
    running.stop().await;
    let seen = recorder.seen();
    assert_eq!(seen.len(), 601);
    let turn = seen.iter().position(|text| *text == quiet[0]).expect("it was acted on");
    assert!(turn < 300, "the only event of its shard came at {turn} of 600");
}

#[tokio::test]
async fn a_worker_with_several_shards_is_ready_stops_and_leaves_every_group() {
    let server = TestRedis::start().await;
    let store = store(&server);
    let running = Running::start_on(Arc::clone(&store), Vec::new(), WorkerOptions::default());
    eventually_true(PATIENCE, "every shard is read", async || running.readiness.is_ready()).await;
    let readiness = running.readiness.clone();
    running.stop().await;
    assert!(!readiness.is_ready());
    let mut connection = server.connection().await;
    for shard in 0..SHARDS {
        let consumers: Vec<redis::Value> = redis::cmd("XINFO")
            .arg("CONSUMERS")
            .arg(format!("tp1:{{e{shard}}}:s"))
            .arg("textproof")
            .query_async(&mut connection)
            .await
            .expect("the group is there");
        assert_eq!(consumers, [], "shard {shard}");
    }
}
