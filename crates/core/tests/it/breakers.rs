//! Circuit breakers: opened by failures in a row or by a gateway that asks, one caller let through at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use test_support::eventually;
use textproof::{
    secret::Fingerprint,
    store::{
        Admission, BreakerStore, CallOutcome, FAILURES_TO_OPEN, MemoryStore, OPEN_FOR, PROBE_LEASE,
        RETRY_BUDGET, Store,
    },
};

crate::on_every_store!(
    failures_in_a_row_open_a_breaker_and_an_answer_between_them_does_not,
    a_gateway_that_asks_is_left_alone_by_everybody,
    many_that_are_told_to_wait_open_it_once_and_for_the_longest_time,
    one_of_a_hundred_callers_is_let_through_when_the_time_is_over,
    a_fleet_has_one_budget_of_retries,
);

fn gateway() -> Fingerprint {
    Fingerprint::from_bytes([1; 16])
}

async fn enter(store: &(impl BreakerStore + ?Sized)) -> Admission {
    store.enter(&gateway()).await.expect("the store answers")
}

async fn report(store: &(impl BreakerStore + ?Sized), outcome: CallOutcome, retry: bool) -> bool {
    store.report(&gateway(), outcome, retry).await.expect("the store answers")
}

async fn failures_in_a_row_open_a_breaker_and_an_answer_between_them_does_not(store: Arc<dyn Store>) {
    for _ in 1..FAILURES_TO_OPEN {
        report(&*store, CallOutcome::Failed, false).await;
    }
    report(&*store, CallOutcome::Answered, false).await;
    for _ in 1..FAILURES_TO_OPEN {
        report(&*store, CallOutcome::Failed, false).await;
        assert_eq!(enter(&*store).await, Admission::Allowed);
    }
    report(&*store, CallOutcome::Failed, false).await;
    let Admission::Open { retry_after } = enter(&*store).await else { panic!("it is open") };
    assert!(retry_after <= OPEN_FOR, "{retry_after:?}");
    report(&*store, CallOutcome::Answered, false).await;
    assert!(
        matches!(enter(&*store).await, Admission::Open { .. }),
        "an answer that was under way does not close it"
    );
}

async fn a_gateway_that_asks_is_left_alone_by_everybody(store: Arc<dyn Store>) {
    report(&*store, CallOutcome::ToldToWait(Duration::from_secs(60)), true).await;
    for _ in 0..10 {
        let Admission::Open { retry_after } = enter(&*store).await else { panic!("it is open") };
        assert!(retry_after > Duration::from_secs(50) && retry_after <= Duration::from_secs(60));
    }
    let elsewhere = store.enter(&Fingerprint::from_bytes([2; 16])).await.expect("the store answers");
    assert_eq!(elsewhere, Admission::Allowed, "another gateway has its own");
}

async fn many_that_are_told_to_wait_open_it_once_and_for_the_longest_time(store: Arc<dyn Store>) {
    let told = |ms| report(&*store, CallOutcome::ToldToWait(Duration::from_millis(ms)), false);
    join_all([300, 3_000, 200, 300, 200, 300, 200, 300, 200, 300].map(told)).await;
    let Admission::Open { retry_after } = enter(&*store).await else { panic!("it is open") };
    assert!(retry_after > Duration::from_millis(300), "{retry_after:?}");
    eventually(Duration::from_secs(20), "one is let through", async || {
        (enter(&*store).await == Admission::Probe).then_some(())
    })
    .await;
    report(&*store, CallOutcome::Failed, false).await;
    let Admission::Open { retry_after } = enter(&*store).await else { panic!("it is open") };
    assert!(retry_after <= OPEN_FOR * 2, "once opened, and a probe that failed: {retry_after:?}");
}

async fn one_of_a_hundred_callers_is_let_through_when_the_time_is_over(store: Arc<dyn Store>) {
    report(&*store, CallOutcome::ToldToWait(Duration::from_millis(1)), false).await;
    let first = eventually(Duration::from_secs(5), "its time is over", async || {
        let admission = enter(&*store).await;
        matches!(admission, Admission::Probe).then_some(admission)
    })
    .await;
    assert_eq!(first, Admission::Probe);
    for _ in 0..99 {
        assert!(
            matches!(enter(&*store).await, Admission::Open { retry_after } if retry_after <= PROBE_LEASE)
        );
    }
    report(&*store, CallOutcome::Answered, false).await;
    assert_eq!(enter(&*store).await, Admission::Allowed);
}

async fn a_fleet_has_one_budget_of_retries(store: Arc<dyn Store>) {
    let mut retries = 0;
    for _ in 0..100 {
        // Fewer in a row than would open it, and then an answer that earns a tenth of a retry.
        for _ in 1..FAILURES_TO_OPEN {
            retries += u32::from(report(&*store, CallOutcome::Failed, true).await);
        }
        report(&*store, CallOutcome::Answered, false).await;
    }
    assert!(
        (RETRY_BUDGET..=RETRY_BUDGET + 10).contains(&retries),
        "{retries} retries of 400 wishes: the budget, and one for every ten answers"
    );
}

/// Every state with its times, on a clock that is set by hand; the scripts do the same.
#[tokio::test]
async fn an_open_breaker_lets_one_caller_through_and_opens_for_longer_when_it_fails() {
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let reading = Arc::clone(&clock);
    let store = MemoryStore::with_clock(move || reading.load(Ordering::SeqCst));
    let pass = |time: Duration| {
        clock.fetch_add(u64::try_from(time.as_millis()).expect("a short time"), Ordering::SeqCst);
    };
    for _ in 0..FAILURES_TO_OPEN {
        report(&store, CallOutcome::Failed, false).await;
    }
    assert_eq!(enter(&store).await, Admission::Open { retry_after: OPEN_FOR });
    pass(OPEN_FOR);
    assert_eq!(enter(&store).await, Admission::Probe, "one is let through");
    assert_eq!(enter(&store).await, Admission::Open { retry_after: PROBE_LEASE }, "the others are not");
    report(&store, CallOutcome::Failed, false).await;
    assert_eq!(enter(&store).await, Admission::Open { retry_after: OPEN_FOR * 2 });
    pass(OPEN_FOR * 2);
    assert_eq!(enter(&store).await, Admission::Probe);
    pass(PROBE_LEASE);
    assert_eq!(enter(&store).await, Admission::Probe, "a probe whose host died frees its place");
    report(&store, CallOutcome::Answered, false).await;
    for _ in 0..10 {
        assert_eq!(enter(&store).await, Admission::Allowed, "closed again");
    }
}
