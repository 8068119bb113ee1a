//! What the engine promises.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use test_support::eventually_true;
use textproof::store::{DeadLetterStore, EventStore, GroupMember, MemoryStore, Suspects};
use worker::WorkerOptions;

use crate::fixture::{
    Doing, Logs, PATIENCE, Recorder, Running, backlog, dead_letters, depth, die_with_it, publish,
    publish_unreadable,
};

fn quick() -> WorkerOptions {
    WorkerOptions { lease: Duration::from_millis(300), ..WorkerOptions::default() }
}

#[tokio::test]
async fn every_handler_acts_on_every_event_once_and_in_order() {
    let store = MemoryStore::new();
    let recorder = Recorder::new(|_| Doing::Succeed);
    // Two handlers that share one record: each event shows up twice in a row when one worker runs it.
    let options = WorkerOptions { concurrency: 1, ..quick() };
    let running = Running::start(&store, vec![recorder.clone(), recorder.clone()], options);
    for text in ["a", "b", "c"] {
        publish(&store, text).await;
        publish(&store, text).await;
    }
    eventually_true(PATIENCE, "all are settled", async || depth(&store).await == 0).await;
    assert_eq!(recorder.seen(), ["a", "a", "b", "b", "c", "c"]);
    assert!(running.readiness.is_ready());
    running.stop().await;
}

#[tokio::test]
async fn a_failed_event_comes_back_and_the_handlers_after_the_failure_wait() {
    let store = MemoryStore::new();
    let failing = Recorder::new(|text| if text == "bad" { Doing::Fail } else { Doing::Succeed });
    let after = Recorder::new(|_| Doing::Succeed);
    let running = Running::start(&store, vec![failing.clone(), after.clone()], quick());
    publish(&store, "bad").await;
    publish(&store, "good").await;
    eventually_true(PATIENCE, "it comes back twice", async || failing.count("bad") >= 3).await;
    assert_eq!((failing.count("good"), after.seen()), (1, vec!["good".to_owned()]));
    eventually_true(PATIENCE, "it is put off again and not lost", async || {
        backlog(&store).await.delayed == 1
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_handler_that_never_ends_is_cut_off_before_the_lease_is() {
    let store = MemoryStore::new();
    let stuck = Recorder::new(|text| if text == "stuck" { Doing::NeverEnd } else { Doing::Succeed });
    let options = WorkerOptions { concurrency: 1, ..quick() };
    let running = Running::start(&store, vec![stuck.clone()], options);
    publish(&store, "stuck").await;
    publish(&store, "next").await;
    eventually_true(PATIENCE, "its place is free again", async || stuck.count("next") == 1).await;
    running.stop().await;
}

#[tokio::test]
async fn no_more_events_are_taken_than_there_are_places() {
    let store = MemoryStore::new();
    let stuck = Recorder::new(|_| Doing::NeverEnd);
    let options = WorkerOptions {
        concurrency: 3,
        lease: Duration::from_secs(60),
        drain: Duration::from_millis(1),
        ..WorkerOptions::default()
    };
    for text in ["a", "b", "c", "d", "e"] {
        publish(&store, text).await;
    }
    let running = Running::start(&store, vec![stuck.clone()], options.clone());
    eventually_true(PATIENCE, "all places are taken", async || stuck.seen().len() == 3).await;
    let other = Recorder::new(|_| Doing::Succeed);
    let second = Running::start(&store, vec![other.clone()], options.clone());
    eventually_true(PATIENCE, "another worker gets the rest", async || other.seen().len() == 2).await;
    running.stop().await;
    // A worker that starts sweeps first: what was given back is there at once, though the lease is long.
    let third = Running::start(&store, vec![other.clone()], options);
    eventually_true(PATIENCE, "what was given back is taken", async || depth(&store).await == 0).await;
    third.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn a_stop_lets_running_handlers_finish() {
    let store = MemoryStore::new();
    let recorder = Recorder::new(|_| Doing::Succeed);
    let running = Running::start(&store, vec![recorder.clone()], quick());
    for i in 0..50 {
        publish(&store, &i.to_string()).await;
    }
    running.stop().await;
    let acted_on = recorder.seen().len() as u64;
    assert_eq!(acted_on + depth(&store).await, 50, "what was acted on is settled, and nothing else");
}

#[tokio::test]
async fn a_handler_that_panics_takes_nothing_with_it() {
    let store = MemoryStore::new();
    let logs = Logs::default();
    let _collected = logs.collect();
    let recorder = Recorder::new(|text| if text == "bad" { Doing::Panic } else { Doing::Succeed });
    let options = WorkerOptions { concurrency: 1, ..quick() };
    let running = Running::start(&store, vec![recorder.clone()], options);
    publish(&store, "bad").await;
    publish(&store, "good").await;
    eventually_true(PATIENCE, "the place is free again and the event comes back", async || {
        recorder.count("good") == 1 && recorder.count("bad") >= 2
    })
    .await;
    eventually_true(PATIENCE, "it is put off and not lost", async || backlog(&store).await.delayed == 1)
        .await;
    running.stop().await;
    let logged = logs.text();
    assert!(logged.contains("a handler panicked event=evt_"), "{logged}");
    assert!(!logged.contains("told to panic"), "the message may hold what a person wrote: {logged}");
}

fn dead_letter_options() -> WorkerOptions {
    WorkerOptions { lease: Duration::from_millis(300), max_attempts: 2, ..WorkerOptions::default() }
}

/// Each kind of bad event among many good ones: exactly that one is a dead letter, with the reason, and the others are
/// settled.
#[tokio::test]
async fn one_bad_event_among_a_thousand_is_the_only_dead_letter() {
    for (act, reason, error) in [
        (Doing::Fail, "failures", "recorder: told to fail"),
        (Doing::FailForGood, "fatal", "recorder: told to fail for good"),
        (Doing::Panic, "failures", "a handler panicked"),
        (Doing::NeverEnd, "failures", "the handlers took longer than 2.5s"),
    ] {
        let store = MemoryStore::new();
        let recorder = Recorder::new(match act {
            Doing::Fail => |text| if text == "bad" { Doing::Fail } else { Doing::Succeed },
            Doing::FailForGood => |text| if text == "bad" { Doing::FailForGood } else { Doing::Succeed },
            Doing::Panic => |text| if text == "bad" { Doing::Panic } else { Doing::Succeed },
            _ => |text| if text == "bad" { Doing::NeverEnd } else { Doing::Succeed },
        });
        // Long enough for a good one on a machine that is busy with other tests.
        let options = WorkerOptions { lease: Duration::from_secs(3), ..dead_letter_options() };
        let running = Running::start(&store, vec![recorder.clone()], options);
        for n in 0..1_000 {
            let text = if n == 500 { "bad".to_owned() } else { format!("good {n}") };
            publish(&store, &text).await;
        }
        eventually_true(PATIENCE, "it is a dead letter and all others are settled", async || {
            let backlog = backlog(&store).await;
            (backlog.events, backlog.delayed, backlog.dead_letters) == (0, 0, 1)
        })
        .await;
        let letter = dead_letters(&store).await.remove(0);
        assert_eq!((letter.reason.as_str(), letter.failures.last.as_str()), (reason, error));
        let tries = if reason == "fatal" { 1 } else { 2 };
        assert_eq!((letter.failures.count, recorder.count("bad")), (tries, tries as usize));
        assert!(String::from_utf8_lossy(&letter.raw).contains("bad"), "with its original bytes");
        assert_eq!(recorder.seen().iter().filter(|text| text.starts_with("good")).count(), 999);
        running.stop().await;
    }
}

/// With one failure allowed.
#[tokio::test]
async fn waiting_for_what_is_away_is_no_failure_for_three_days() {
    const FOUR_DAYS_MS: u64 = 4 * 86_400_000;
    let back_ms = Arc::new(AtomicU64::new(FOUR_DAYS_MS));
    let behind = Arc::clone(&back_ms);
    let now_ms = || u64::try_from(Timestamp::now().as_millisecond()).expect("after 1970");
    let store = MemoryStore::with_clock(move || now_ms() - behind.load(Ordering::Relaxed));
    publish(&store, "old").await;
    back_ms.store(0, Ordering::Relaxed);
    let recorder = Recorder::new(|_| Doing::AskForTime);
    let options = WorkerOptions { max_attempts: 1, ..WorkerOptions::default() };
    let running = Running::start(&store, vec![recorder.clone()], options);
    publish(&store, "new").await;
    eventually_true(PATIENCE, "it is tried again and again", async || recorder.count("new") >= 2).await;
    eventually_true(PATIENCE, "one waits, the other has waited enough", async || {
        let backlog = backlog(&store).await;
        (backlog.events, backlog.delayed, backlog.dead_letters) == (0, 1, 1)
    })
    .await;
    let letter = dead_letters(&store).await.remove(0);
    assert_eq!((letter.failures.last.as_str(), recorder.count("old")), ("recorder: told to wait", 1));
    assert!(store.redrive(&letter).await.expect("the store answers"));
    eventually_true(PATIENCE, "back from the dead letters, it may wait again", async || {
        recorder.count("old") >= 3
    })
    .await;
    assert_eq!(backlog(&store).await.dead_letters, 0);
    running.stop().await;
}

#[tokio::test]
async fn an_entry_that_is_no_event_is_a_dead_letter_at_once() {
    let store = MemoryStore::new();
    publish_unreadable(&store).await;
    publish(&store, "good").await;
    let recorder = Recorder::new(|_| Doing::Succeed);
    let running = Running::start(&store, vec![recorder.clone()], quick());
    eventually_true(PATIENCE, "it is a dead letter", async || backlog(&store).await.dead_letters == 1).await;
    let letter = dead_letters(&store).await.remove(0);
    assert_eq!((letter.reason.as_str(), letter.starts), ("unreadable", 1));
    eventually_true(PATIENCE, "the other is settled", async || depth(&store).await == 0).await;
    running.stop().await;
}

/// The store says how often it was started; who started it died.
#[tokio::test]
async fn an_event_that_was_started_too_often_without_an_answer_is_a_dead_letter() {
    let store = MemoryStore::new();
    publish(&store, "bad").await;
    die_with_it(&store, 5).await;
    publish(&store, "good").await;
    let recorder = Recorder::new(|_| Doing::Succeed);
    let options = WorkerOptions { lease: Duration::from_millis(1), ..quick() };
    let running = Running::start(&store, vec![recorder.clone()], options);
    eventually_true(PATIENCE, "it is a dead letter", async || backlog(&store).await.dead_letters == 1).await;
    let letter = dead_letters(&store).await.remove(0);
    assert_eq!((letter.reason.as_str(), letter.starts, letter.failures.count), ("starts", 6, 0));
    assert_eq!(recorder.count("bad"), 0, "it is not started again");
    running.stop().await;
}

/// It may be what ends its processes, so nothing else is in this one's hands meanwhile.
#[tokio::test]
async fn an_event_that_was_started_twice_without_an_answer_runs_alone() {
    let store = MemoryStore::new();
    publish(&store, "suspect").await;
    die_with_it(&store, 2).await;
    let recorder = Recorder::new(|_| Doing::Succeed);
    let options = WorkerOptions { lease: Duration::from_millis(20), ..WorkerOptions::default() };
    // The others are in the process's hands when it finds the suspect.
    for n in 0..200 {
        publish(&store, &format!("good {n}")).await;
    }
    let running = Running::start(&store, vec![recorder.clone()], options);
    eventually_true(PATIENCE, "all are settled", async || depth(&store).await == 0).await;
    assert_eq!(recorder.most_beside("suspect"), Some(0));
    assert!(recorder.most_at_once() > 1, "the others run side by side");
    running.stop().await;
}

#[tokio::test]
async fn entries_that_are_taken_alone_and_the_others_take_turns() {
    const SUSPECTS: usize = 20;
    let ahead_ms = Arc::new(AtomicU64::new(0));
    let ahead = Arc::clone(&ahead_ms);
    let now_ms = || u64::try_from(Timestamp::now().as_millisecond()).expect("after 1970");
    let store = MemoryStore::with_clock(move || now_ms() + ahead.load(Ordering::Relaxed));
    for n in 0..SUSPECTS {
        publish(&store, &format!("suspect {n}")).await;
    }
    let dying = GroupMember { group: "textproof".into(), consumer: "dying".into(), shard: 0 };
    let mut reader = store.reader(&dying).await.expect("the store answers");
    assert_eq!(reader.read(100, Duration::ZERO).await.expect("the store answers").len(), SUSPECTS);
    let swept = store.sweep(&dying, Duration::ZERO, "-", 100, Suspects::LeftOut).await;
    assert_eq!(swept.expect("the store answers").entries.len(), SUSPECTS);
    for n in 0..SUSPECTS {
        publish(&store, &format!("good {n}")).await;
    }
    let recorder = Recorder::new(|_| Doing::Succeed);
    let lease = Duration::from_secs(5);
    ahead_ms.store(60_000, Ordering::Relaxed);
    let options = WorkerOptions { lease, concurrency: 1, ..WorkerOptions::default() };
    let running = Running::start(&store, vec![recorder.clone()], options);
    eventually_true(PATIENCE, "all are settled", async || depth(&store).await == 0).await;
    running.stop().await;
    let seen = recorder.seen();
    let last = |kind: &str| seen.iter().rposition(|text| text.starts_with(kind)).expect("they were seen");
    let before_the_last =
        |kind: &str, at: usize| seen[..at].iter().filter(|text| text.starts_with(kind)).count();
    assert!(before_the_last("good", last("suspect")) >= SUSPECTS / 2, "{seen:?}");
    assert!(before_the_last("suspect", last("good")) >= SUSPECTS / 2, "{seen:?}");
}
