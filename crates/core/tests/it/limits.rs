//! Limits of addresses, tenants, countries and prefixes: charged whole or not at all, given back exactly.

use std::{sync::Arc, time::Duration};

use textproof::{
    policy::{RateLimit, SpendCap},
    secret::Fingerprint,
    store::{Charge, Charged, Limit, Store},
};

crate::on_every_store!(
    a_rate_allows_its_count_at_once_and_says_when_the_next_is_possible,
    a_day_has_its_parts_and_no_more,
    unverified_sends_live_on_credit_and_on_verified_ones,
    a_limit_that_observes_tells_and_grants,
    one_denial_leaves_all_limits_of_the_subject_alone,
    what_is_given_back_can_be_charged_again,
    a_check_without_a_send_earns_nothing,
    a_hundred_charges_at_once_pass_twenty,
);

fn subject(n: u8) -> Fingerprint {
    Fingerprint::from_bytes([n; 16])
}

fn rate(count: u32, seconds: u64) -> Limit {
    Limit::Sends(RateLimit::new(count, Duration::from_secs(seconds)).expect("a rate"))
}

fn parts(cap: u32, parts: u32) -> Limit {
    Limit::Parts { cap: SpendCap::new(cap).expect("a cap"), parts }
}

const WINDOW: Duration = Duration::from_secs(3600);

fn unverified(credit: u32, deny: bool) -> Limit {
    Limit::Unverified { credit, per_verified: 3, window: WINDOW, deny }
}

async fn charge(store: &Arc<dyn Store>, subject: &Fingerprint, limits: &[Limit]) -> Charged {
    store.charge(&Charge { subject, limits }).await.expect("the store answers")
}

const GRANTED: Charged = Charged::Granted { noticed: false };

async fn a_rate_allows_its_count_at_once_and_says_when_the_next_is_possible(store: Arc<dyn Store>) {
    let (one, other) = (subject(1), subject(2));
    let limits = [rate(20, 3600)];
    for _ in 0..20 {
        assert_eq!(charge(&store, &one, &limits).await, GRANTED);
    }
    let Charged::Denied { limit: 0, retry_after } = charge(&store, &one, &limits).await else {
        panic!("the twenty-first is denied")
    };
    // An hour of twenty: one every three minutes.
    assert!(
        retry_after > Duration::from_secs(170) && retry_after <= Duration::from_secs(180),
        "{retry_after:?}"
    );
    assert_eq!(charge(&store, &other, &limits).await, GRANTED, "another subject has its own");
    let checks = [Limit::FailedChecks(RateLimit::new(1, WINDOW).expect("a rate"))];
    assert_eq!(charge(&store, &one, &checks).await, GRANTED, "checks have a limit of their own");
}

async fn a_day_has_its_parts_and_no_more(store: Arc<dyn Store>) {
    let tenant = subject(1);
    assert_eq!(charge(&store, &tenant, &[parts(5, 3)]).await, GRANTED);
    let denied = charge(&store, &tenant, &[parts(5, 3)]).await;
    assert!(matches!(denied, Charged::Denied { limit: 0, .. }), "{denied:?}");
    assert_eq!(charge(&store, &tenant, &[parts(5, 2)]).await, GRANTED, "two are left");
    let Charged::Denied { retry_after, .. } = charge(&store, &tenant, &[parts(5, 1)]).await else {
        panic!("none is left")
    };
    assert!(retry_after <= Duration::from_secs(86_400));
}

async fn unverified_sends_live_on_credit_and_on_verified_ones(store: Arc<dyn Store>) {
    let range = subject(1);
    let limits = [unverified(10, true)];
    for _ in 0..10 {
        assert_eq!(charge(&store, &range, &limits).await, GRANTED);
    }
    let denied = charge(&store, &range, &limits).await;
    assert!(matches!(denied, Charged::Denied { .. }), "the credit is used up: {denied:?}");
    store.credit_verified(&range, WINDOW).await.expect("the store answers");
    // One verified send makes up for itself and earns three more.
    for _ in 0..4 {
        assert_eq!(charge(&store, &range, &limits).await, GRANTED);
    }
    assert!(matches!(charge(&store, &range, &limits).await, Charged::Denied { .. }));
}

async fn a_limit_that_observes_tells_and_grants(store: Arc<dyn Store>) {
    let range = subject(1);
    for _ in 0..3 {
        assert_eq!(charge(&store, &range, &[unverified(3, false)]).await, GRANTED);
    }
    let noticed = Charged::Granted { noticed: true };
    assert_eq!(charge(&store, &range, &[unverified(3, false)]).await, noticed);
}

async fn one_denial_leaves_all_limits_of_the_subject_alone(store: Arc<dyn Store>) {
    let tenant = subject(1);
    assert_eq!(charge(&store, &tenant, &[rate(2, 3600), parts(1, 1)]).await, GRANTED);
    for _ in 0..10 {
        let denied = charge(&store, &tenant, &[rate(2, 3600), unverified(5, true), parts(1, 1)]).await;
        assert!(matches!(denied, Charged::Denied { limit: 2, .. }), "{denied:?}");
    }
    assert_eq!(
        charge(&store, &tenant, &[rate(2, 3600)]).await,
        GRANTED,
        "the rate was not charged by denials"
    );
    for _ in 0..5 {
        assert_eq!(charge(&store, &tenant, &[unverified(5, true)]).await, GRANTED, "nor were the sends");
    }
}

async fn what_is_given_back_can_be_charged_again(store: Arc<dyn Store>) {
    let one = subject(1);
    let limits = [rate(3, 3600), parts(3, 1), unverified(3, true)];
    for _ in 0..50 {
        assert_eq!(charge(&store, &one, &limits).await, GRANTED);
        store.refund(&Charge { subject: &one, limits: &limits }).await.expect("the store answers");
    }
    for _ in 0..3 {
        assert_eq!(charge(&store, &one, &limits).await, GRANTED);
    }
    assert!(matches!(charge(&store, &one, &limits).await, Charged::Denied { .. }));
}

async fn a_check_without_a_send_earns_nothing(store: Arc<dyn Store>) {
    let range = subject(1);
    for _ in 0..10 {
        store.credit_verified(&range, WINDOW).await.expect("the store answers");
    }
    assert_eq!(charge(&store, &range, &[unverified(1, true)]).await, GRANTED);
    assert!(matches!(charge(&store, &range, &[unverified(1, true)]).await, Charged::Denied { .. }));
}

async fn a_hundred_charges_at_once_pass_twenty(store: Arc<dyn Store>) {
    let one = subject(1);
    let charges = (0..100).map(|_| async { charge(&store, &one, &[rate(20, 36_000)]).await });
    let answers = futures_util::future::join_all(charges).await;
    assert_eq!(answers.iter().filter(|answer| **answer == GRANTED).count(), 20);
}
