//! Automatic replies whose event comes back, whose gateway fails, and whose time runs out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use test_support::eventually_true;
use textproof::{
    event::{ContentDigest, Event, Identity},
    store::{FAILURES_TO_OPEN, MemoryStore, REPLIES_IN_TEN_MINUTES},
    stream::{Outgoing, Producer},
};
use tokio_util::sync::CancellationToken;
use worker::{
    Handler, Worker, WorkerOptions,
    handlers::{ApplyRules, KeepConsent},
};

use crate::{
    fixture::{PATIENCE, backlog, depth},
    rules::{Desk, Mood, any, rule, text},
};

const PHONE: &str = "+64211234567";

fn answering(desk: &Desk) -> ApplyRules {
    desk.rules(vec![rule("answer", any(), Some("ok"), &[])], &Arc::default())
}

#[tokio::test]
async fn a_reply_that_was_too_many_is_not_sent_when_its_event_comes_back_later() {
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let reading = Arc::clone(&clock);
    let desk = Desk::on(MemoryStore::with_clock(move || reading.load(Ordering::SeqCst)));
    let rules = answering(&desk);
    for number in 0..=REPLIES_IN_TEN_MINUTES {
        rules.handle(&text(number, PHONE, "hi")).await.expect("sent, or not owed");
    }
    clock.fetch_add(3_600_000, Ordering::SeqCst);
    rules.handle(&text(REPLIES_IN_TEN_MINUTES, PHONE, "hi")).await.expect("not owed");
    assert_eq!(desk.first.texts().len() as u64, REPLIES_IN_TEN_MINUTES);
    rules.handle(&text(99, PHONE, "hi")).await.expect("sent");
    assert_eq!(desk.first.texts().len() as u64, REPLIES_IN_TEN_MINUTES + 1);
}

#[tokio::test]
async fn a_reply_to_somebody_who_had_opted_out_is_not_sent_after_a_start() {
    let desk = Desk::new();
    let (consent, rules) = (KeepConsent::new(desk.ledger()), answering(&desk));
    for (number, words) in [(1, "STOP"), (2, "still there?"), (3, "START"), (2, "still there?")] {
        let event = text(number, PHONE, words);
        consent.handle(&event).await.expect("the store answers");
        if number == 2 {
            rules.handle(&event).await.expect("not owed");
        }
    }
    assert_eq!(desk.first.texts(), []);
    rules.handle(&text(4, PHONE, "hi")).await.expect("sent");
    assert_eq!(desk.first.texts().len(), 1);
}

#[tokio::test]
async fn a_gateway_is_asked_once_for_what_it_refuses_and_again_for_what_can_be_repaired() {
    let desk = Desk::new();
    let rules = answering(&desk);
    for (event, refusal) in
        [Mood::NoSuchNumber, Mood::Reject(400), Mood::Reject(413), Mood::Reject(422)].into_iter().enumerate()
    {
        desk.first.becomes(refusal);
        for _ in 0..3 {
            rules.handle(&text(event as u64, PHONE, "hi")).await.expect("refused is an end");
        }
        assert_eq!(desk.first.calls(), event + 1, "{refusal:?}");
    }
    for (event, repairable) in (10..).zip([301, 401, 403, 404, 408]) {
        let before = desk.first.texts().len();
        desk.first.becomes(Mood::Reject(repairable));
        let error = rules.handle(&text(event, PHONE, "hi")).await.expect_err("it comes back");
        assert!(error.is_retryable() && error.wait().is_none(), "{repairable}");
        desk.first.becomes(Mood::Accept);
        rules.handle(&text(event, PHONE, "hi")).await.expect("sent");
        assert_eq!(desk.first.texts().len(), before + 1, "{repairable}");
    }
}

#[tokio::test]
async fn a_gateway_that_fails_is_left_alone_and_the_replies_wait_for_it() {
    let desk = Desk::new();
    let rules = answering(&desk);
    desk.first.becomes(Mood::Reject(503));
    for failure in 1..=FAILURES_TO_OPEN {
        let error = rules.handle(&text(1, PHONE, "hi")).await.expect_err("it comes back");
        assert_eq!(error.wait(), None, "failure {failure}: it was thought to be well");
    }
    for _ in 0..5 {
        let error = rules.handle(&text(1, PHONE, "hi")).await.expect_err("it waits");
        assert!(error.wait().is_some(), "{error}");
    }
    assert_eq!(desk.first.calls(), FAILURES_TO_OPEN as usize);
}

#[tokio::test]
async fn a_gateway_that_asks_for_time_has_it() {
    let desk = Desk::new();
    let rules = answering(&desk);
    desk.first.becomes(Mood::Busy(7));
    let error = rules.handle(&text(1, PHONE, "hi")).await.expect_err("it waits");
    assert_eq!(error.wait(), Some(Duration::from_secs(7)));
    let error = rules.handle(&text(2, PHONE, "hi")).await.expect_err("so does another");
    assert!(error.wait().is_some_and(|wait| wait <= Duration::from_secs(7)), "{error}");
    assert_eq!(desk.first.calls(), 1);
}

/// Publishes the event, and runs a worker with a deadline of one second until `over`.
async fn act(desk: &Desk, event: Event, over: impl AsyncFn() -> bool) {
    let digest = ContentDigest::of(&event.content);
    let outgoing = Outgoing::event(&event, &Identity::of_body("websms", b"1"), digest, "1".into());
    let producer = Producer::new(Arc::new(desk.store.clone()));
    producer.publish(&outgoing).await.expect("the store answers");
    let options = WorkerOptions { lease: Duration::from_millis(1_200), ..WorkerOptions::default() };
    let worker = Worker::new(Arc::new(desk.store.clone()), vec![Box::new(answering(desk))], options);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(worker.run(shutdown.clone()));
    eventually_true(PATIENCE, "it is over", over).await;
    shutdown.cancel();
    running.await.expect("no panic");
}

#[tokio::test]
async fn a_reply_that_was_cut_off_may_have_been_sent_and_is_an_end() {
    let desk = Desk::new();
    desk.first.becomes(Mood::Hang);
    act(&desk, text(1, PHONE, "hi"), async || depth(&desk.store).await == 0).await;
    let backlog = backlog(&desk.store).await;
    assert_eq!((backlog.delayed, backlog.dead_letters), (0, 0), "settled: the handlers were not cut off");
    desk.first.becomes(Mood::Accept);
    answering(&desk).handle(&text(1, PHONE, "hi")).await.expect("known");
    assert_eq!(desk.first.calls(), 1);
}

#[tokio::test]
async fn a_reply_that_waits_for_a_token_is_tried_again() {
    let desk = Desk::new();
    desk.first.becomes(Mood::NoToken);
    act(&desk, text(1, PHONE, "hi"), async || {
        let failed = backlog(&desk.store).await.delayed > 0;
        if failed {
            desk.first.becomes(Mood::Accept);
        }
        desk.first.texts().len() == 1
    })
    .await;
    assert_eq!(desk.first.calls(), 1);
}
