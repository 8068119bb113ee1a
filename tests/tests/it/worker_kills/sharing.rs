//! Two workers on one stream.

use std::collections::HashMap;

use test_support::eventually_true;

use super::facts::Facts;
use crate::fixture::{EVENTS, PATIENCE, World, http};

const EVENTS_PUBLISHED: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_the_work_and_act_on_each_event_once() {
    let world = World::start().await;
    let mut facts = Facts::new(&world).await;
    let worker = || world.binary("worker").env("TEXTPROOF_WORKER_CONCURRENCY", "2").env("RUST_LOG", "info");
    let mut workers = [worker().listen().await, worker().listen().await];
    for worker in &workers {
        eventually_true(PATIENCE, "both workers take events", async || {
            let ready = http().get(format!("{}/readyz", worker.url())).send().await;
            ready.is_ok_and(|ready| ready.status() == 200)
        })
        .await;
    }
    let mut ids = Vec::new();
    for number in 0..EVENTS_PUBLISHED {
        ids.push(facts.report(&format!("shared-{number}")).await);
    }
    eventually_true(PATIENCE, "everything is settled", async || world.depth(EVENTS).await == 0).await;
    for worker in &mut workers {
        assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
    }
    assert!(world.pending().await.is_empty());
    facts.assert_each_took_effect_once(EVENTS_PUBLISHED).await;

    // Each says in its log what it acted on.
    let mut acted: HashMap<String, usize> = HashMap::new();
    for worker in &workers {
        let log = worker.stderr();
        let merged = log.lines().filter(|line| line.contains("delivery report merged"));
        let before = acted.values().sum::<usize>();
        for line in merged {
            let id = ids.iter().find(|id| line.contains(id.as_str()));
            *acted.entry(id.expect("an event of ours").clone()).or_default() += 1;
        }
        assert!(acted.values().sum::<usize>() > before, "idle: {worker}");
    }
    assert_eq!(acted.len(), EVENTS_PUBLISHED);
    assert!(acted.values().all(|times| *times == 1), "{acted:?}");
}
