//! Copies of one webhook, all at once at more than one process, and after everything that may happen to Redis.

use redis::cmd;
use test_support::eventually_true;
use tokio::task::JoinSet;

use crate::{
    fixture::{EVENTS, PATIENCE, World, delivered, http, post, websms},
    webhooks::counts::stored,
};

const COPIES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_copies_at_two_processes_are_one_event() {
    let world = World::start().await;
    let ingests =
        [world.binary("webhook-ingest").listen().await, world.binary("webhook-ingest").listen().await];
    let client = http();
    let mut posting = JoinSet::new();
    for copy in 0..COPIES * ingests.len() {
        let (client, url) = (client.clone(), websms(&ingests[copy % ingests.len()]));
        posting.spawn(async move { post(&client, &url, delivered("copied")).await.0 });
    }
    let statuses = posting.join_all().await;
    assert_eq!(statuses, [200; COPIES * 2]);
    assert_eq!(world.depth(EVENTS).await, 1);
    assert_eq!(world.marks().await.len(), 1);
    let copies = COPIES as u64 * 2;
    assert_eq!((stored(&ingests, "new").await, stored(&ingests, "duplicate").await), (1, copies - 1));

    // Another content under the same identity is another event, once.
    let other = delivered("copied").replace("DELIVRD", "UNDELIV");
    for ingest in &ingests {
        assert_eq!(post(&client, &websms(ingest), other.clone()).await.0, 200);
    }
    assert_eq!(world.depth(EVENTS).await, 2);
    assert_eq!((stored(&ingests, "conflict").await, stored(&ingests, "duplicate").await), (1, copies));
}

#[tokio::test]
async fn a_lost_stream_is_healed_by_redelivery_and_a_lost_redis_starts_anew() {
    let world = World::start().await;
    let ingests = [world.binary("webhook-ingest").listen().await];
    let (client, url) = (http(), websms(&ingests[0]));
    let redelivered = async || assert_eq!(post(&client, &url, delivered("again")).await.0, 200);
    redelivered().await;
    let id = world.entries(EVENTS).await.remove(0).1;

    let _: () = world.ask(cmd("DEL").arg(EVENTS)).await;
    redelivered().await;
    assert_eq!(stored(&ingests, "healed").await, 1);
    assert_eq!(world.entries(EVENTS).await.remove(0).1, id, "it keeps its name");
    redelivered().await;
    assert_eq!(stored(&ingests, "duplicate").await, 1);

    let _: () = world.ask(&cmd("FLUSHALL")).await;
    redelivered().await;
    assert_eq!((stored(&ingests, "new").await, stored(&ingests, "healed").await), (2, 1));
    assert_eq!(world.entries(EVENTS).await.remove(0).1, id);
    assert_eq!(world.depth(EVENTS).await, 1);
}

#[tokio::test]
async fn what_was_acted_on_is_a_duplicate_and_not_healed() {
    let world = World::start().await;
    let ingests = [world.binary("webhook-ingest").listen().await];
    let _worker = world.binary("worker").listen().await;
    let (client, url) = (http(), websms(&ingests[0]));
    assert_eq!(post(&client, &url, delivered("done")).await.0, 200);
    eventually_true(PATIENCE, "it is settled", async || world.depth(EVENTS).await == 0).await;
    assert_eq!(post(&client, &url, delivered("done")).await.0, 200);
    assert_eq!((stored(&ingests, "duplicate").await, stored(&ingests, "healed").await), (1, 0));
    assert_eq!(world.depth(EVENTS).await, 0);
    assert_eq!(world.marks().await.into_values().collect::<Vec<_>>(), ['D']);
}
