//! A send that a dead host had begun, taken over by another: one text, and a handle that is good for its code.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use test_support::eventually_true;
use textproof::{Policy, SendOptions, VerifyOptions, otp::DeliveryState};

use crate::{
    ageing::World,
    fixture::loose,
    host::{Host, Mood, challenge},
};

crate::in_every_world!(
    the_handle_of_a_send_that_was_taken_over_verifies_its_code,
    the_handle_of_a_resend_that_was_taken_over_verifies_its_code,
    a_send_taken_over_is_not_sent_again_when_another_was_between,
);

fn host(world: &World) -> Arc<Host> {
    let policy = Policy::default().with_send_limits(loose()).with_fraud_guard(None).with_required_handle();
    Arc::new(Host::with(&world.another_connection(), policy, &[("a", 2)]))
}

fn keyed() -> SendOptions<'static> {
    SendOptions { idempotency_key: Some("k1"), ..Host::options() }
}

/// Begins a send whose text goes out while the host never comes back.
async fn begins_and_dies(world: &World) {
    let dying = host(world);
    dying.gateway.set(Mood::Wait);
    let sending = Arc::clone(&dying);
    tokio::spawn(async move { sending.send_with(keyed()).await });
    eventually_true(Duration::from_secs(5), "the gateway is called", async || {
        dying.gateway.waiting.load(Ordering::SeqCst)
    })
    .await;
}

async fn lease_ends(world: &World) {
    world.advance(Duration::from_secs(100)).await;
}

async fn the_handle_of_a_send_that_was_taken_over_verifies_its_code(world: &World) {
    begins_and_dies(world).await;
    lease_ends(world).await;
    let survivor = host(world);
    let taken_over = challenge(survivor.send_with(keyed()).await);
    assert_eq!(taken_over.delivery, DeliveryState::Unknown);
    assert_eq!(survivor.gateway.calls(), 0, "nothing is sent blindly");
    // The same code is sent again, so that the test can read it.
    let again = challenge(survivor.send_with(Host::options()).await);
    assert!(again.resent);
    assert_eq!(again.handle, taken_over.handle);
    let handle = taken_over.handle.expect("a handle");
    let own = VerifyOptions { handle: Some(handle.as_str()), ..Host::check() };
    assert!(survivor.verify_with(&survivor.last_code(), own).await.is_verified());
}

async fn the_handle_of_a_resend_that_was_taken_over_verifies_its_code(world: &World) {
    let first = host(world);
    let sent = challenge(first.send_with(Host::options()).await);
    begins_and_dies(world).await;
    lease_ends(world).await;
    let survivor = host(world);
    let taken_over = challenge(survivor.send_with(keyed()).await);
    assert!(taken_over.resent);
    assert_eq!(taken_over.handle, sent.handle);
    let handle = taken_over.handle.expect("a handle");
    let own = VerifyOptions { handle: Some(handle.as_str()), ..Host::check() };
    assert!(survivor.verify_with(&first.last_code(), own).await.is_verified());
}

/// Another send to the phone hides the dead host's: its id is only that of the last one.
async fn a_send_taken_over_is_not_sent_again_when_another_was_between(world: &World) {
    begins_and_dies(world).await;
    let survivor = host(world);
    let between = challenge(survivor.send_with(Host::options()).await);
    lease_ends(world).await;
    let taken_over = challenge(survivor.send_with(keyed()).await);
    assert_eq!(survivor.gateway.calls(), 1, "nothing is sent blindly");
    assert_eq!(taken_over.delivery, DeliveryState::Unknown);
    assert_eq!(taken_over.handle, between.handle);
}
