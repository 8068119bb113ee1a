//! The names that killed workers leave behind.

use std::time::Duration;

use redis::cmd;
use test_support::{FaultProxy, eventually_true};
use textproof::store::{EventStore, GroupMember};

use super::facts::Facts;
use crate::fixture::{EVENTS, GROUP, PATIENCE, World, digest};

async fn names(world: &World) -> usize {
    let consumers: Vec<redis::Value> = world.ask(cmd("XINFO").arg("CONSUMERS").arg(EVENTS).arg(GROUP)).await;
    consumers.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_killed_workers_are_reaped_and_their_pending_entry_is_not() {
    let world = World::start().await;
    world.load_scripts().await;
    let proxy = FaultProxy::start(world.redis.addr()).await;
    let mut facts = Facts::new(&world).await;
    facts.report("left-behind").await;
    proxy.hold_on(digest("settle_events"));
    let mut holder = super::worker(&world, &proxy);
    proxy.held(1, PATIENCE).await;
    holder.kill9().await;
    super::gone(&proxy).await;
    proxy.clear();
    for _ in 0..2 {
        let before = names(&world).await;
        // With a long lease, so that it does not take the entry over.
        let mut worker = world.binary("worker").listen().await;
        eventually_true(PATIENCE, "it has shown itself", async || names(&world).await > before).await;
        worker.kill9().await;
    }

    let store = world.store();
    let reaper = GroupMember { group: GROUP.into(), consumer: "reaper".into(), shard: 0 };
    assert_eq!(store.reap(&reaper, Duration::from_secs(3600), 100).await.expect("an answer"), 0);
    let pending = world.pending().await;
    assert_eq!(store.reap(&reaper, Duration::ZERO, 100).await.expect("an answer"), 2);
    assert_eq!(pending.len(), 1);
    assert_eq!(world.pending().await[0].consumer, pending[0].consumer, "its name is what holds the entry");

    let mut last = super::worker(&world, &proxy);
    eventually_true(PATIENCE, "it is taken over", async || world.depth(EVENTS).await == 0).await;
    assert!(last.terminate(PATIENCE).await.success(), "{last}");
    assert_eq!(
        store.reap(&reaper, Duration::ZERO, 100).await.expect("an answer"),
        1,
        "its hands are empty now"
    );
    facts.assert_each_took_effect_once(1).await;
}
