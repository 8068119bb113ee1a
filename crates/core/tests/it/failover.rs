//! From one gateway to the next, and what the fleet spares a failing one.

use std::{sync::Arc, time::Duration};

use textproof::{
    SendOutcome,
    otp::{DeliveryState, RefusalReason},
    store::{FAILURES_TO_OPEN, MessageKey, OPEN_FOR, RETRY_BUDGET, SendState, Store},
};

use crate::host::{Host, Mood, challenge};

crate::on_every_store!(
    the_second_gateway_sends_the_same_code_when_the_first_certainly_did_not,
    a_send_that_may_have_gone_out_is_never_repeated_elsewhere,
    a_number_that_does_not_exist_is_not_tried_elsewhere,
    a_gateway_that_asks_to_wait_is_not_called_again_by_any_host,
    a_thousand_sends_at_a_failing_gateway_are_few_calls,
    when_all_gateways_are_left_alone_nothing_is_counted,
    when_all_are_left_alone_the_first_that_is_back_says_when,
    a_send_in_the_background_is_answered_before_the_gateway_is_called,
);

async fn the_second_gateway_sends_the_same_code_when_the_first_certainly_did_not(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let first = host.send().await;
    for (mood, calls) in [(Mood::RefuseFunds, 2), (Mood::RefuseCredentials, 3)] {
        host.gateway.set(mood);
        let resent = host.send().await;
        assert_eq!(resent.handle, first.handle, "the same code, the same budget");
        assert_eq!(host.gateway.calls(), calls, "a refusal is not retried");
        let DeliveryState::Accepted { message_id: Some(message_id) } = resent.delivery else {
            panic!("accepted")
        };
        let key = MessageKey { gateway: "second".into(), message_id };
        assert!(store.delivery(&key).await.expect("the store answers").expect("a record").sent);
    }
    assert_eq!(host.second.texts(), vec![host.last_code(); 2]);
    assert!(host.verify(&host.last_code()).await.is_verified());
}

async fn a_send_that_may_have_gone_out_is_never_repeated_elsewhere(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.gateway.set(Mood::LoseAnswer);
    assert_eq!(host.send().await.delivery, DeliveryState::Unknown);
    assert_eq!((host.gateway.calls(), host.second.calls()), (1, 0));
    assert!(host.verify(&host.last_code()).await.is_verified());
}

async fn a_number_that_does_not_exist_is_not_tried_elsewhere(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.gateway.set(Mood::RefuseNumber);
    let refused = host.try_send(textproof::CodeSource::Ours).await.expect("an outcome");
    assert!(matches!(refused, SendOutcome::Refused { reason: RefusalReason::Gateway(_), .. }), "{refused:?}");
    assert_eq!(host.second.calls(), 0);
}

async fn a_gateway_that_asks_to_wait_is_not_called_again_by_any_host(store: Arc<dyn Store>) {
    let (host, other) = (Host::new(&store), Host::new(&store));
    host.gateway.set(Mood::RateLimit);
    host.send().await;
    assert_eq!((host.gateway.calls(), host.second.calls()), (1, 1));
    for _ in 0..5 {
        other.send().await;
    }
    assert_eq!((other.gateway.calls(), other.second.calls()), (0, 5), "the breaker is the fleet's");
}

async fn a_thousand_sends_at_a_failing_gateway_are_few_calls(store: Arc<dyn Store>) {
    const WORKERS: u32 = 16;
    const PROBES: u32 = 4;
    let host = Arc::new(Host::new(&store));
    host.both(Mood::Unavailable);
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let host = Arc::clone(&host);
        workers.spawn(async move {
            let mut sent = 0;
            for number in 0..1000 / WORKERS {
                let phone = host.phone(1_000_000 + worker * 1000 + number);
                let outcome = host.otp.send(&phone, &host.login, "MyApp", Host::options()).await;
                sent += u32::from(matches!(outcome, Ok(SendOutcome::Sent(_))));
            }
            sent
        });
    }
    assert_eq!(workers.join_all().await.iter().sum::<u32>(), 0);
    // What opens it, what was under way when it opened, the fleet's retries, and a probe every few seconds where the
    // machine is slow; and no more, however many wait.
    let most = FAILURES_TO_OPEN + WORKERS + RETRY_BUDGET + PROBES;
    for gateway in [&host.gateway, &host.second] {
        assert!(gateway.calls() <= most as usize, "{} calls, at most {most}", gateway.calls());
    }
    let later = host.try_send(textproof::CodeSource::Ours).await.expect("an outcome");
    let SendOutcome::Refused { reason: RefusalReason::GatewaysUnavailable, retry_after: Some(_) } = later
    else {
        panic!("{later:?}")
    };
}

async fn when_all_gateways_are_left_alone_nothing_is_counted(store: Arc<dyn Store>) {
    let once = crate::fixture::limits(&[30_000], 60_000, &[(1, 60_000)]);
    let policy = textproof::Policy::default().with_send_limits(once);
    let host = Host::with(&store, policy, &[("a", 2)]);
    host.both(Mood::RateLimit);
    let refused = host.try_send(textproof::CodeSource::Ours).await.expect("an outcome");
    let SendOutcome::Refused { reason: RefusalReason::Gateway(_), retry_after: Some(wait) } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(wait, Duration::from_secs(600));
    for _ in 0..3 {
        let refused = host.try_send(textproof::CodeSource::Ours).await.expect("an outcome");
        let SendOutcome::Refused { reason, retry_after: Some(_) } = refused else { panic!("{refused:?}") };
        assert_eq!(reason, RefusalReason::GatewaysUnavailable, "and not the phone's own cool-down");
    }
}

async fn when_all_are_left_alone_the_first_that_is_back_says_when(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.gateway.set(Mood::RateLimit);
    host.second.set(Mood::Unavailable);
    for _ in 0..FAILURES_TO_OPEN {
        host.try_send(textproof::CodeSource::Ours).await.expect("an outcome");
    }
    let refused = host.try_send(textproof::CodeSource::Ours).await.expect("an outcome");
    let SendOutcome::Refused { reason: RefusalReason::GatewaysUnavailable, retry_after: Some(wait) } =
        refused
    else {
        panic!("{refused:?}")
    };
    assert!(wait <= OPEN_FOR, "{wait:?}, and not the ten minutes that the other one asked for");
}

async fn a_send_in_the_background_is_answered_before_the_gateway_is_called(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.gateway.set(Mood::Wait);
    let options = textproof::SendOptions { in_background: true, ..Host::options() };
    let answer = challenge(host.send_with(options).await);
    assert_eq!(answer.delivery, DeliveryState::Pending);
    let handle = answer.handle.expect("a handle");
    let state = async || host.otp.send_state(&host.phone, handle.as_str()).await.expect("the store answers");
    assert_eq!(state().await, Some(SendState::Open));
    assert_eq!(host.otp.send_state(&host.phone, "another").await.expect("an answer"), None);
    host.gateway.gate.add_permits(1);
    test_support::eventually_true(Duration::from_secs(5), "the send is settled", async || {
        state().await == Some(SendState::Sent)
    })
    .await;
    assert!(host.verify(&host.last_code()).await.is_verified());
}
