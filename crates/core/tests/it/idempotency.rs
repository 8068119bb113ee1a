//! Idempotency keys: one send, one text, one outcome.

use std::{sync::Arc, time::Duration};

use test_support::eventually_true;
use textproof::{
    Code, CodeSource, Error, SendOptions, SendOutcome,
    otp::{DeliveryState, RefusalReason},
    secret::Fingerprint,
    store::{ClaimKey, Claimed, MemoryStore, RequestId, Store},
};

use crate::{
    fixture::{limits, millis},
    host::{Host, Mood, challenge},
};

crate::on_every_store!(
    the_same_key_is_one_text_and_one_outcome,
    the_same_key_with_other_arguments_is_an_error,
    a_denied_send_gives_its_key_back,
    a_refusal_of_the_gateway_is_kept,
    fifty_at_once_with_one_key_are_one_text,
    an_unknown_outcome_is_kept_and_nothing_is_sent_again,
    a_send_taken_over_from_a_dead_host_is_not_sent_again,
);

fn keyed(key: &str) -> SendOptions<'_> {
    SendOptions { idempotency_key: Some(key), ..Host::options() }
}

async fn the_same_key_is_one_text_and_one_outcome(store: Arc<dyn Store>) {
    let (host, other) = (Host::new(&store), Host::new(&store));
    let first = challenge(host.send_with(keyed("k1")).await);
    let again = challenge(other.send_with(keyed("k1")).await);
    assert_eq!(host.gateway.texts().len() + other.gateway.texts().len(), 1);
    assert_eq!((&again.handle, &again.delivery), (&first.handle, &first.delivery));
    assert!(again.expires_in <= first.expires_in);
    challenge(host.send_with(keyed("k2")).await);
    assert_eq!(host.gateway.texts().len(), 2, "another key is another send");
    assert!(host.verify(&host.last_code()).await.is_verified());
}

async fn the_same_key_with_other_arguments_is_an_error(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    challenge(host.send_with(keyed("k1")).await);
    let code = Code::parse("123456").expect("a code");
    for other in [
        SendOptions { comment: Some("Hello."), ..keyed("k1") },
        SendOptions { session: Some("s"), ..keyed("k1") },
        SendOptions { code: CodeSource::Given(&code), ..keyed("k1") },
    ] {
        let fault = host.send_with(other).await;
        assert!(matches!(fault, Err(Error::IdempotencyConflict)), "{fault:?}");
    }
    let fault = host.otp.send(&host.phone(7_654_321), &host.login, "MyApp", keyed("k1")).await;
    assert!(matches!(fault, Err(Error::IdempotencyConflict)), "{fault:?}");
    let fault = host.send_with(keyed("")).await;
    assert!(matches!(fault, Err(Error::IdempotencyKey { bytes: 0 })), "{fault:?}");
}

async fn a_denied_send_gives_its_key_back(store: Arc<dyn Store>) {
    let policy = textproof::Policy::default().with_send_limits(limits(&[30_000], 60_000, &[(5, 60_000)]));
    let host = Host::with(&store, policy, &[("a", 2)]);
    challenge(host.send_with(keyed("k1")).await);
    for _ in 0..2 {
        let refused = host.send_with(keyed("k2")).await.expect("an outcome");
        assert!(
            matches!(refused, SendOutcome::Refused { reason: RefusalReason::CoolDown, .. }),
            "{refused:?}"
        );
    }
    // Nothing was begun under it, so that it may name another send.
    let other = SendOptions { comment: Some("Hello."), ..keyed("k2") };
    assert!(matches!(host.send_with(other).await, Ok(SendOutcome::Refused { .. })));
}

async fn a_refusal_of_the_gateway_is_kept(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.both(Mood::RefuseFunds);
    let first = host.send_with(keyed("k1")).await.expect("an outcome");
    host.both(Mood::Accept);
    assert_eq!(host.send_with(keyed("k1")).await.expect("an outcome"), first);
    assert_eq!(host.gateway.texts().len(), 0);
}

async fn fifty_at_once_with_one_key_are_one_text(store: Arc<dyn Store>) {
    let host = Arc::new(Host::new(&store));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let host = Arc::clone(&host);
        tasks.spawn(async move { challenge(host.send_with(keyed("k1")).await).handle });
    }
    let handles = tasks.join_all().await;
    assert_eq!(host.gateway.texts().len(), 1);
    assert!(handles.windows(2).all(|pair| pair[0] == pair[1]), "all get the same handle");
}

async fn an_unknown_outcome_is_kept_and_nothing_is_sent_again(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.gateway.set(Mood::LoseAnswer);
    challenge(host.send_with(keyed("k1")).await);
    host.gateway.set(Mood::Accept);
    assert_eq!(challenge(host.send_with(keyed("k1")).await).delivery, DeliveryState::Unknown);
    assert_eq!(host.gateway.texts().len(), 1);
}

/// A host that dies between its text and its outcome leaves a claim in flight and an open send.
async fn a_send_taken_over_from_a_dead_host_is_not_sent_again(store: Arc<dyn Store>) {
    let name = Fingerprint::from_bytes([9; 16]);
    let (dead, next) = (RequestId([1; 12]), RequestId([2; 12]));
    let claim = |send, lease| ClaimKey { name: &name, arguments: [5; 16], send, lease };
    let claimed = store.claim_key(&claim(dead, millis(60_000))).await.expect("an answer");
    assert_eq!(claimed, Claimed::Yours { send: dead });
    let waiting = store.claim_key(&claim(next, millis(60_000))).await.expect("an answer");
    assert!(matches!(waiting, Claimed::InFlight { .. }), "{waiting:?}");
    eventually_true(Duration::from_secs(5), "the lease ends", async || {
        let taken = store.claim_key(&claim(next, millis(1))).await.expect("an answer");
        // The send keeps its id, so that the phone's record can tell whether it was reserved.
        taken == Claimed::Yours { send: dead }
    })
    .await;
    // The one that is late finishes the same send; whoever comes next finds the outcome.
    store.finish_key(&name, dead, b"sent").await.expect("an answer");
    let done = store.claim_key(&claim(RequestId([3; 12]), millis(1))).await.expect("an answer");
    assert!(matches!(&done, Claimed::Done { outcome, .. } if outcome == b"sent"), "{done:?}");
    store.release_key(&name, dead).await.expect("an answer");
    let done = store.claim_key(&claim(next, millis(1))).await.expect("an answer");
    assert!(matches!(done, Claimed::Done { .. }), "what is done is not given back: {done:?}");
}

/// The whole way through the engine: the gateway is not called for a send that a dead host had reserved.
#[tokio::test]
async fn what_a_dead_host_may_have_sent_is_unknown() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let reading = Arc::clone(&clock);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with_clock(move || reading.load(Ordering::SeqCst)));
    let host = Arc::new(Host::new(&store));
    host.gateway.set(Mood::Wait);
    let dying = Arc::clone(&host);
    tokio::spawn(async move { dying.send_with(keyed("k1")).await });
    eventually_true(Duration::from_secs(5), "the gateway is called", async || {
        host.gateway.waiting.load(Ordering::SeqCst)
    })
    .await;
    // It never comes back, and its lease ends.
    clock.fetch_add(91_000, Ordering::SeqCst);
    let survivor = Host::new(&store);
    let outcome = challenge(survivor.send_with(keyed("k1")).await);
    assert_eq!(outcome.delivery, DeliveryState::Unknown);
    assert_eq!(survivor.gateway.calls() + survivor.second.calls(), 0, "nothing is sent blindly");
}

/// On a clock that jumps: the second caller's patience ends, and the first one's send goes on.
#[tokio::test(start_paused = true)]
async fn a_send_that_stays_in_flight_is_told_so() {
    let host = Arc::new(Host::new(&crate::fixture::memory()));
    host.gateway.set(Mood::Wait);
    let first = Arc::clone(&host);
    let first = tokio::spawn(async move { challenge(first.send_with(keyed("k1")).await) });
    let patience = Duration::from_secs(5);
    eventually_true(patience, "the first is at the gateway", async || {
        host.gateway.waiting.load(std::sync::atomic::Ordering::SeqCst)
    })
    .await;
    let waiting = host.send_with(keyed("k1")).await.expect("an outcome");
    assert!(
        matches!(waiting, SendOutcome::Refused { reason: RefusalReason::InFlight, retry_after: Some(_) }),
        "{waiting:?}"
    );
    host.gateway.gate.add_permits(1);
    let sent = first.await.expect("no panic");
    assert_eq!(challenge(host.send_with(keyed("k1")).await).handle, sent.handle);
    assert_eq!(host.gateway.texts().len(), 1);
}
