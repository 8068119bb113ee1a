//! Fifty deploys under load: a worker is asked to stop and a new one is started, fifty times, while events arrive.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use test_support::{Process, eventually_true};
use textproof::store::Backlog;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    acting::{Ledger, Told, acting_worker, backlog, dead_letters},
    fixture::{PATIENCE, World},
};

const DEPLOYS: usize = 50;
const WORKERS: usize = 3;
/// Between two events.
const PACE: Duration = Duration::from_millis(5);
/// Far longer than anything here takes: who waited for it shows.
const LEASE: Duration = Duration::from_secs(30);
/// Every so many events there is one that its first worker has to give back.
const SLOW_EVERY: usize = 500;
const SLOW: &str = "hang,good";
/// Seven workers in a row have to give it back. Were these starts counted, it would be a dead letter after five.
const RESTLESS: &str = "hang,hang,hang,hang,hang,hang,hang,good";
/// What hangs is given back by its worker's stop and taken by a new worker at its start.
const LAST_THAT_HANGS: usize = DEPLOYS - 2 * WORKERS;

/// An event, when it was published, and how often it must have been started.
struct Published {
    at_ms: u64,
    starts: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_deploys_under_load_bury_nothing_and_delay_nothing_by_a_lease() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let told = Told::new(&ingest);
    let mut workers = join_all((0..WORKERS).map(|_| worker(&world))).await;
    let deployed = AtomicUsize::new(0);
    let (published, ()) = tokio::join!(publish_meanwhile(&told, &deployed), async {
        for deploy in 0..DEPLOYS {
            let place = &mut workers[deploy % WORKERS];
            let (next, left) = tokio::join!(worker(&world), place.terminate(PATIENCE));
            assert_eq!(left.code(), Some(0), "deploy {deploy}: {place}");
            *place = next;
            deployed.store(deploy + 1, Ordering::Relaxed);
        }
    });
    eventually_true(PATIENCE, "all are settled", async || backlog(&world).await == Backlog::default()).await;
    for leaving in &mut workers {
        assert_eq!(leaving.terminate(PATIENCE).await.code(), Some(0), "{leaving}");
    }
    assert_eq!(dead_letters(&world).await, []);
    assert!(world.pending().await.is_empty());
    assert_nothing_waited_for_a_lease(&world, &published).await;
}

async fn worker(world: &World) -> Process {
    acting_worker(world)
        .env("TEXTPROOF_WORKER_LEASE_SECONDS", LEASE.as_secs().to_string())
        .env("TEXTPROOF_WORKER_DRAIN_SECONDS", "1")
        .listen()
        .await
}

/// Publishes until all deploys are done.
async fn publish_meanwhile(told: &Told, deployed: &AtomicUsize) -> HashMap<String, Published> {
    let mut published = HashMap::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        pace.tick().await;
        let script = match deployed.load(Ordering::Relaxed) {
            DEPLOYS.. => break,
            _ if number == 0 => RESTLESS,
            ..LAST_THAT_HANGS if number % SLOW_EVERY == 0 => SLOW,
            _ => "good",
        };
        let at_ms = u64::try_from(Timestamp::now().as_millisecond()).expect("after 1970");
        let id = told.post(&format!("message-{number}"), script).await;
        published.insert(id, Published { at_ms, starts: script.split(',').count() });
    }
    published
}

/// Each was started at once, and at once again after each time that it was given back; never otherwise, and each had
/// one effect.
async fn assert_nothing_waited_for_a_lease(world: &World, published: &HashMap<String, Published>) {
    let mut ledger = Ledger::open(&world.redis).await;
    let (effects, starts) = (ledger.effects().await, ledger.starts().await);
    assert_eq!((effects.len(), ledger.total().await), (published.len(), published.len()));
    assert!(published.values().any(|event| event.starts == 2), "no event had to be given back");
    let lease_ms = u64::try_from(LEASE.as_millis()).expect("seconds");
    for (id, event) in published {
        let (effect, starts) = (effects[id], &starts[id]);
        assert_eq!(starts.len(), event.starts, "{id} was started at {starts:?}");
        let times = [&[event.at_ms], starts.as_slice(), &[effect]].concat();
        let longest = times.windows(2).map(|two| two[1].saturating_sub(two[0])).max();
        assert!(longest < Some(lease_ms), "{id} waited {longest:?} ms: {times:?}");
    }
}
