//! SIGTERM while every place is taken.

use redis::cmd;
use test_support::{FaultProxy, eventually_true};

use super::facts::Facts;
use crate::fixture::{EVENTS, PATIENCE, World, digest};

const EVENTS_PUBLISHED: usize = 24;
const PLACES: usize = 4;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker_hands_back_what_it_could_not_finish() {
    let world = World::start().await;
    world.load_scripts().await;
    let proxy = FaultProxy::start(world.redis.addr()).await;
    let mut facts = Facts::new(&world).await;
    for number in 0..EVENTS_PUBLISHED {
        facts.report(&format!("stop-{number}")).await;
    }
    // Ten minutes: only what is handed back comes to another worker within this test.
    let worker = |url: String| {
        world
            .binary("worker")
            .env("TEXTPROOF_REDIS_URL", url)
            .env("TEXTPROOF_WORKER_LEASE_SECONDS", "600")
            .env("TEXTPROOF_WORKER_DRAIN_SECONDS", "1")
            .env("TEXTPROOF_WORKER_CONCURRENCY", PLACES.to_string())
            .spawn()
    };
    proxy.hold_on(digest("delivery"));
    let mut stopped = worker(format!("redis://{}", proxy.addr()));
    proxy.held(1, PATIENCE).await;
    stopped.signal("TERM");
    // The handlers hang in their effect until the drain deadline is over and they are given up.
    eventually_true(PATIENCE, "the worker gives its events back", async || {
        stopped.wrote("giving events back")
    })
    .await;
    proxy.clear();
    assert_eq!(stopped.wait(PATIENCE).await.code(), Some(0), "{stopped}");

    let handed_back = world.pending().await;
    assert_eq!(handed_back.len(), PLACES, "{stopped}");
    for entry in &handed_back {
        assert_eq!(entry.deliveries, 0, "a start was counted: {entry:?}");
    }
    assert_eq!(world.depth(EVENTS).await, EVENTS_PUBLISHED);

    let mut next = worker(world.redis.url());
    eventually_true(PATIENCE, "the next worker settles everything", async || world.depth(EVENTS).await == 0)
        .await;
    assert!(world.pending().await.is_empty());
    assert_eq!(next.terminate(PATIENCE).await.code(), Some(0), "{next}");
    facts.assert_each_took_effect_once(EVENTS_PUBLISHED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stops_in_time_finishes_what_it_began_and_leaves_its_group() {
    let world = World::start().await;
    let mut facts = Facts::new(&world).await;
    for number in 0..EVENTS_PUBLISHED {
        facts.report(&format!("finish-{number}")).await;
    }
    let mut worker = world.binary("worker").spawn();
    eventually_true(PATIENCE, "the worker has begun", async || world.depth(EVENTS).await < EVENTS_PUBLISHED)
        .await;
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
    assert!(world.pending().await.is_empty(), "{worker}");
    let consumers: Vec<redis::Value> =
        world.ask(cmd("XINFO").arg("CONSUMERS").arg(EVENTS).arg("textproof")).await;
    assert_eq!(consumers.len(), 0, "{worker}");
}
