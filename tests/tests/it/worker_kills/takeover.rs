//! A worker that slept through its lease.

use test_support::{FaultProxy, eventually_true};

const EVENTS_TOTAL: &str = "textproof_worker_events_total";

use super::facts::Facts;
use crate::fixture::{EVENTS, PATIENCE, World, digest};
use crate::webhooks::counts::counted;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settle_that_comes_late_changes_nothing_for_the_worker_that_took_over() {
    let world = World::start().await;
    world.load_scripts().await;
    let settle = digest("settle_events");
    let proxies = [FaultProxy::start(world.redis.addr()).await, FaultProxy::start(world.redis.addr()).await];
    let mut facts = Facts::new(&world).await;
    let id = facts.report("slept-through").await;

    proxies[0].hold_on(settle.clone());
    let first = super::worker(&world, &proxies[0]);
    proxies[0].held(1, PATIENCE).await;
    first.signal("STOP");
    proxies[1].hold_on(settle.clone());
    let second = super::worker(&world, &proxies[1]);
    proxies[1].held(1, PATIENCE).await;
    let taken_over = the_one_pending(&world).await;
    assert_eq!(taken_over.1, 2, "handed out a second time");

    // What the first one sent before it fell asleep arrives now.
    let mut monitor = world.redis.monitor().await;
    proxies[0].clear();
    eventually_true(PATIENCE, "the late settle has run", async || {
        monitor.lines().await.iter().any(|line| line.contains(&settle))
    })
    .await;
    assert_eq!(the_one_pending(&world).await, taken_over);
    assert_eq!(world.depth(EVENTS).await, 1);
    assert_eq!(world.marks().await[&id], 'L');

    proxies[1].clear();
    first.signal("CONT");
    eventually_true(PATIENCE, "the event is settled", async || world.depth(EVENTS).await == 0).await;
    eventually_true(PATIENCE, "each says what became of it", async || {
        let said = async |worker, outcome| counted(worker, EVENTS_TOTAL, &[("outcome", outcome)]).await;
        (said(&first, "taken_over").await, said(&first, "done").await, said(&second, "done").await)
            == (1, 0, 1)
    })
    .await;
    for mut worker in [first, second] {
        assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
    }
    assert!(world.pending().await.is_empty());
    facts.assert_each_took_effect_once(1).await;
}

/// Consumer and delivery count of the one entry that is in somebody's hands.
async fn the_one_pending(world: &World) -> (String, u64) {
    let pending = world.pending().await;
    assert_eq!(pending.len(), 1, "{pending:?}");
    (pending[0].consumer.clone(), pending[0].deliveries)
}
