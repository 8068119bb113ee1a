//! The real worker, killed at the worst moment, stopped under load, and beside another one.

mod facts;
mod names;
mod sharing;
mod stopping;
mod takeover;

use std::collections::{HashMap, HashSet};

use test_support::{FaultProxy, Process, eventually_true};

use self::facts::Facts;
use crate::fixture::{EVENTS, PATIENCE, World, digest, mark_key};

const KILLS: usize = 200;
/// Every so many rounds each settle call is held instead of the one for the round's own event, so that what
/// earlier rounds left behind is killed again.
const HOLD_ALL_EVERY: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_takes_effect_once_though_200_workers_die_between_effect_and_settle() {
    let world = World::start().await;
    world.load_scripts().await;
    let settle = digest("settle_events");
    let proxy = FaultProxy::start(world.redis.addr()).await;
    let mut facts = Facts::new(&world).await;
    let mut seen = HashSet::new();

    for round in 0..KILLS {
        let last = facts.publish(round).await;
        let depth = world.depth(EVENTS).await;
        let all = round % HOLD_ALL_EVERY == 0;
        proxy.hold_on(if all { settle.clone() } else { mark_key(&last) });
        let mut worker = worker(&world, &proxy);
        proxy.held(1, PATIENCE).await;

        // The settle call has left the worker and has not reached Redis.
        let hands = in_new_hands(&world, &mut seen).await;
        if all {
            assert_eq!(world.depth(EVENTS).await, depth, "round {round}: one was settled");
            assert!(facts.any_took_effect(&hands).await, "round {round}: settled before the effect");
        } else {
            assert!(hands.contains(&last), "round {round}: the event is not in the worker's hands");
            assert!(facts.took_effect(&last).await, "round {round}: settled before the effect");
        }
        assert_eq!(world.marks().await[&last], 'L', "round {round}");
        worker.kill9().await;
        gone(&proxy).await;
        proxy.clear();
    }

    let mut worker = worker(&world, &proxy);
    eventually_true(PATIENCE, "the last worker settles everything", async || world.depth(EVENTS).await == 0)
        .await;
    assert!(world.pending().await.is_empty());
    assert!(worker.terminate(PATIENCE).await.success(), "{worker}");
    facts.assert_each_took_effect_once(KILLS).await;
}

/// A worker whose every byte to Redis goes through the proxy, with the shortest lease there is.
fn worker(world: &World, proxy: &FaultProxy) -> Process {
    world
        .binary("worker")
        .env("TEXTPROOF_REDIS_URL", format!("redis://{}", proxy.addr()))
        .env("TEXTPROOF_WORKER_LEASE_SECONDS", "1")
        .spawn()
}

/// Waits until nothing that a killed worker sent can reach Redis any more: what the proxy still held is thrown away.
async fn gone(proxy: &FaultProxy) {
    eventually_true(PATIENCE, "the dead worker's connections are gone", async || proxy.connections() == 0)
        .await;
}

/// The events in the hands of consumers that were not there in an earlier round.
async fn in_new_hands(world: &World, seen: &mut HashSet<String>) -> HashSet<String> {
    let names: HashMap<_, _> = world.entries(EVENTS).await.into_iter().collect();
    let pending = world.pending().await;
    let new: Vec<_> = pending.iter().filter(|entry| !seen.contains(&entry.consumer)).collect();
    let hands = new.iter().filter_map(|entry| names.get(&entry.position).cloned()).collect();
    seen.extend(new.iter().map(|entry| entry.consumer.clone()));
    hands
}
