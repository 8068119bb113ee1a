//! A receiver that is failing is left alone, and events wait for it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use test_support::{ReceiverAnswer, TestReceiver};
use textproof::store::{FAILURES_TO_OPEN, OPEN_FOR};
use worker::handlers::{Forward, Forwards};

use super::{at, event, forwards, problem, stopped_clock};

fn pass(clock: &AtomicU64, time: Duration) {
    clock.fetch_add(u64::try_from(time.as_millis()).expect("a short time"), Ordering::SeqCst);
}

/// What the event is to wait, if its failure does not count.
async fn wait(forwards: &Forwards, number: u64) -> Option<Duration> {
    forwards.send("crm", &event(number)).await.expect_err("it does not arrive").wait()
}

#[tokio::test]
async fn a_failing_receiver_is_left_alone_and_one_attempt_shows_that_it_is_well_again() {
    let receiver = TestReceiver::start().await;
    let (store, clock) = stopped_clock();
    // Two processes of one fleet.
    let fleet = [forwards(&store, vec![at("crm", &receiver)]), forwards(&store, vec![at("crm", &receiver)])];
    receiver.says(503);
    for number in 0..u64::from(FAILURES_TO_OPEN) {
        assert_eq!(wait(&fleet[0], number).await, None, "a failure that counts");
    }
    let tried = receiver.received().len();
    for forwards in &fleet {
        assert_eq!(wait(forwards, 99).await, Some(OPEN_FOR));
    }
    assert_eq!(receiver.received().len(), tried, "nobody called");

    // Half open: of many at once one is let through, and its failure is not the event's.
    pass(&clock, OPEN_FOR);
    let waits = join_all((0..10).map(|number| wait(&fleet[number % 2], number as u64))).await;
    assert!(waits.iter().all(Option::is_some), "{waits:?}");
    assert_eq!(receiver.received().len(), tried + 1);
    pass(&clock, OPEN_FOR);
    assert_eq!(wait(&fleet[1], 0).await, Some(OPEN_FOR), "open for twice as long");

    pass(&clock, OPEN_FOR);
    receiver.says(200);
    let events: Vec<_> = (1_000..1_010).map(event).collect();
    let sent = join_all(events.iter().map(|event| fleet[0].send("crm", event))).await;
    assert!(sent.iter().any(Result::is_ok), "{sent:?}");
    assert_eq!(receiver.received().len(), tried + 1 + sent.iter().filter(|sent| sent.is_ok()).count());
    for forwards in &fleet {
        forwards.send("crm", &event(0)).await.expect("closed again");
    }
}

#[tokio::test]
async fn refusals_of_events_do_not_open_it_and_refusals_of_the_sender_do() {
    let receiver = TestReceiver::start().await;
    let (store, _) = stopped_clock();
    let forwards = forwards(&store, vec![at("crm", &receiver), at("desk", &receiver)]);
    receiver.says(422);
    for number in 0..u64::from(FAILURES_TO_OPEN) * 2 {
        assert_eq!(wait(&forwards, number).await, None);
    }
    receiver.says(401);
    for number in 0..u64::from(FAILURES_TO_OPEN) {
        assert_eq!(wait(&forwards, number).await, None);
    }
    assert!(wait(&forwards, 0).await.is_some());
    // Another forward, though to the same server, has a breaker of its own.
    assert_eq!(problem(forwards.send("desk", &event(0)).await), "the forward desk answered 401");
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it_and_it_is_nobodys_failure() {
    let receiver = TestReceiver::start().await;
    let (store, clock) = stopped_clock();
    let forwards = forwards(&store, vec![at("crm", &receiver)]);
    receiver.answers(ReceiverAnswer::Status(429, vec!["retry-after: 60".into()]));
    let minute = Duration::from_secs(60);
    assert_eq!(wait(&forwards, 1).await, Some(minute));
    receiver.says(200);
    assert_eq!(wait(&forwards, 2).await, Some(minute), "for everybody");
    assert_eq!(receiver.received().len(), 1);
    pass(&clock, minute);
    forwards.send("crm", &event(1)).await.expect("it arrives");
}

#[tokio::test]
async fn a_forward_that_is_given_another_url_does_not_wait_for_the_old_one() {
    let (receiver, other) = (TestReceiver::start().await, TestReceiver::start().await);
    let (store, _clock) = stopped_clock();
    let before = forwards(&store, vec![at("crm", &receiver)]);
    receiver.says(503);
    for number in 0..u64::from(FAILURES_TO_OPEN) {
        assert_eq!(wait(&before, number).await, None, "a failure that counts");
    }
    assert!(wait(&before, 99).await.is_some(), "it is left alone");
    let after = forwards(&store, vec![at("crm", &other)]);
    after.send("crm", &event(99)).await.expect("it arrives");
}
