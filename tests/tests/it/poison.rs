//! One bad event among a thousand, with real processes, which it may take down: exactly that one ends among the dead
//! letters, with the reason, and all others take effect on time.

use std::collections::HashMap;

use redis::cmd;
use test_support::{Process, ProcessBuilder, eventually_true};
use textproof::{
    event::{EventId, Identity},
    store::DeadLetter,
};

use crate::{
    acting::{Ledger, Told, acting_worker, backlog, dead_letters},
    fixture::{EVENTS, PATIENCE, World},
};

const EVENTS_PUBLISHED: usize = 1000;
/// The bad one is in the middle.
const BAD: usize = EVENTS_PUBLISHED / 2;
const WORKERS: usize = 2;
/// Events that a process has in its hands at most.
const PLACES: usize = 16;

/// What was seen in the end.
struct Seen {
    letter: DeadLetter,
    /// When the bad one was started.
    bad_starts: Vec<u64>,
    /// When each of the others was started, and when it took effect.
    others: HashMap<String, (Vec<u64>, u64)>,
    /// Processes that ended.
    deaths: usize,
}

impl Seen {
    /// All of them, once, though one may have been started more often.
    fn assert_others_took_effect_while_the_bad_one_was_there(&self) {
        assert_eq!(self.others.len(), EVENTS_PUBLISHED - 1);
        let last_start = self.bad_starts.last().expect("it was started");
        let late = self.others.values().filter(|(_, effect)| effect > last_start).count();
        assert_eq!(late, 0, "events waited for the bad one");
    }

    /// An event that is started once is not delayed by a lease.
    fn assert_others_were_started_once(&self) {
        let again = self.others.iter().filter(|(_, (starts, _))| starts.len() != 1);
        assert_eq!(again.collect::<Vec<_>>(), []);
        assert_eq!(self.deaths, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_aborts_its_process_takes_neighbours_along_twice_and_then_dies_alone() {
    let seen = among_a_thousand("abort", &[("LEASE_SECONDS", "2"), ("MAX_DELIVERIES", "4")]).await;
    assert_eq!((seen.letter.reason.as_str(), seen.letter.starts), ("starts", 5));
    assert_eq!((seen.letter.failures.count, seen.bad_starts.len(), seen.deaths), (0, 4, 4));
    seen.assert_others_took_effect_while_the_bad_one_was_there();
    // Twice it may have neighbours in its process, which then wait for a lease. Afterwards it has none.
    let starts: Vec<_> = seen.others.values().map(|(starts, _)| starts.len()).collect();
    assert!(starts.iter().all(|starts| *starts <= 3), "started again and again: {starts:?}");
    let delayed = starts.iter().sum::<usize>() - seen.others.len();
    assert!(delayed <= 2 * (PLACES - 1), "{delayed} starts were in vain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_harms_nobody_else() {
    let seen = among_a_thousand("panic", &[("MAX_ATTEMPTS", "3")]).await;
    assert_eq!((seen.letter.reason.as_str(), seen.letter.failures.count), ("failures", 3));
    assert_eq!((seen.letter.failures.last.as_str(), seen.bad_starts.len()), ("a handler panicked", 3));
    seen.assert_others_were_started_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_never_returns_keeps_nobody_waiting() {
    let seen = among_a_thousand("hang", &[("LEASE_SECONDS", "6"), ("MAX_ATTEMPTS", "2")]).await;
    assert_eq!((seen.letter.reason.as_str(), seen.letter.failures.count), ("failures", 2));
    assert_eq!(seen.letter.failures.last, "the handlers took longer than 5s");
    assert_eq!(seen.bad_starts.len(), 2);
    seen.assert_others_were_started_once();
    seen.assert_others_took_effect_while_the_bad_one_was_there();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_never_parses_is_a_dead_letter_at_once() {
    let seen = among_a_thousand(UNREADABLE, &[]).await;
    assert_eq!((seen.letter.reason.as_str(), seen.letter.starts), ("unreadable", 1));
    assert_eq!(seen.bad_starts.len(), 0, "no handler sees it");
    seen.assert_others_were_started_once();
}

/// No script: an entry that is no event.
const UNREADABLE: &str = "unreadable";

/// Publishes a thousand events, of which one plays `bad`, and has two workers act on them. They are started again when
/// they die. Returns when all but that one are settled.
async fn among_a_thousand(bad: &'static str, settings: &[(&str, &str)]) -> Seen {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let told = Told::new(&ingest);
    let scripts: Vec<_> = (0..EVENTS_PUBLISHED)
        .map(|number| (format!("message-{number}"), if number == BAD { bad } else { "good" }))
        .collect();
    let mut ids = told.post_all(&scripts[..BAD]).await;
    let bad_id = if bad == UNREADABLE {
        publish_unreadable(&world).await
    } else {
        told.post(&scripts[BAD].0, bad).await
    };
    ids.extend(told.post_all(&scripts[BAD + 1..]).await);

    let start = || worker(&world, settings);
    let mut workers: Vec<Process> = (0..WORKERS).map(|_| start()).collect();
    let mut deaths = 0;
    eventually_true(PATIENCE * 3, "one is a dead letter and all others are settled", async || {
        for worker in &mut workers {
            if worker.has_ended() {
                deaths += 1;
                *worker = start();
            }
        }
        let backlog = backlog(&world).await;
        (backlog.events, backlog.delayed, backlog.dead_letters) == (0, 0, 1)
    })
    .await;
    for worker in &mut workers {
        assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
    }
    assert!(world.pending().await.is_empty());

    let letter = dead_letters(&world).await.remove(0);
    assert_eq!(letter.id, bad_id);
    assert!(String::from_utf8_lossy(&letter.raw).contains(bad), "with its original bytes");
    let mut ledger = Ledger::open(&world.redis).await;
    let (effects, mut starts) = (ledger.effects().await, ledger.starts().await);
    assert_eq!((ledger.total().await, effects.len()), (EVENTS_PUBLISHED - 1, EVENTS_PUBLISHED - 1));
    let bad_starts = starts.remove(&bad_id).unwrap_or_default();
    let others = ids.into_iter().map(|id| {
        let effect = *effects.get(&id).unwrap_or_else(|| panic!("{id} took no effect"));
        let starts = starts.remove(&id).unwrap_or_default();
        (id, (starts, effect))
    });
    Seen { letter, bad_starts, others: others.collect(), deaths }
}

fn worker(world: &World, settings: &[(&str, &str)]) -> Process {
    let worker = acting_worker(world).env("TEXTPROOF_WORKER_CONCURRENCY", PLACES.to_string());
    let set = |worker: ProcessBuilder, (name, value): &(&str, &str)| {
        worker.env(format!("TEXTPROOF_WORKER_{name}"), value)
    };
    settings.iter().fold(worker, set).spawn()
}

/// As a broken producer would.
async fn publish_unreadable(world: &World) -> String {
    let id = EventId::of(&Identity::of_body("websms", b"unreadable")).to_string();
    let entry = [("i", id.as_str()), ("c", "0"), ("e", "{"), ("r", UNREADABLE)];
    let _: String = world.ask(cmd("XADD").arg(EVENTS).arg("*").arg(&entry)).await;
    id
}
