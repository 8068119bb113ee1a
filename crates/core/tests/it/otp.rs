//! Sending and verifying through the public API, with a gateway that does as it is told.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use proptest::prelude::*;
use test_support::{eventually, eventually_true};
use textproof::{
    Code, CodeSource, Error, Policy, SendOptions, SendOutcome, Verdict, VerifyOptions,
    gateway::GatewayError,
    otp::{DeliveryState, RefusalReason},
    store::{MemoryStore, MessageKey, Store},
};

use crate::{
    fixture::{limits, loose},
    host::{Host, Mood, wrong},
};

crate::on_every_store!(
    any_host_verifies_what_another_sent,
    a_resend_repeats_the_code_and_a_success_ends_it,
    a_given_code_is_sent_as_it_is,
    a_gateway_code_verifies_and_is_not_handed_out,
    a_lost_answer_is_one_text_and_a_valid_code,
    parts_are_counted_when_the_gateway_says_nothing,
    a_refusal_is_given_back,
    a_fault_is_given_back,
    bad_text_counts_nothing,
    a_required_handle_is_required,
    a_sent_message_is_known_to_delivery_reports,
    rotation_keeps_codes_valid,
    a_send_goes_on_when_its_caller_has_gone,
);

async fn any_host_verifies_what_another_sent(store: Arc<dyn Store>) {
    let (one, other) = (Host::new(&store), Host::new(&store));
    let challenge = one.send().await;
    assert!(
        challenge.expires_in > Duration::from_secs(295) && challenge.expires_in <= Duration::from_secs(300)
    );
    let code = one.last_code();
    assert_eq!(other.verify(wrong(&code)).await, Verdict::Incorrect { attempts_left: 4 });
    assert_eq!(other.verify("12345a").await, Verdict::Malformed);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert!(other.verify(&spaced).await.is_verified());
    assert_eq!(one.verify(&code).await, Verdict::AlreadyUsed);
}

async fn a_resend_repeats_the_code_and_a_success_ends_it(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let first = host.send().await;
    let second = host.send().await;
    assert!(!first.resent && second.resent);
    assert_eq!(first.handle, second.handle, "the same code has the same handle");
    let texts = host.gateway.texts();
    assert_eq!(texts[0], texts[1]);
    assert!(host.verify(&texts[0]).await.is_verified());
    let third = host.send().await;
    assert!(!third.resent);
    assert_ne!(first.handle, third.handle);
}

async fn a_given_code_is_sent_as_it_is(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let code = Code::parse("48217412").expect("a code");
    host.send_as(CodeSource::Given(&code)).await;
    assert_eq!(host.last_code(), "48217412");
    assert!(host.verify("48217412").await.is_verified());
    let short = Code::parse("4821").expect("a code");
    let refused = host.try_send(CodeSource::Given(&short)).await;
    assert!(matches!(refused, Err(Error::CodeLength { digits: 4 })), "{refused:?}");
}

async fn a_gateway_code_verifies_and_is_not_handed_out(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let challenge = host.send_as(CodeSource::Gateway).await;
    assert!(!format!("{challenge:?}").contains("654321"));
    assert!(host.verify("654321").await.is_verified());
}

async fn a_lost_answer_is_one_text_and_a_valid_code(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.gateway.set(Mood::LoseAnswer);
    let challenge = host.send().await;
    assert_eq!(challenge.delivery, DeliveryState::Unknown);
    assert_eq!(host.gateway.texts().len(), 1);
    assert!(host.verify(&host.last_code()).await.is_verified());
}

async fn parts_are_counted_when_the_gateway_says_nothing(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    assert_eq!(host.send().await.parts, 1, "what the gateway said");
    host.gateway.set(Mood::LoseAnswer);
    // Macrons: 71 characters where 70 fit one message.
    let options = SendOptions { comment: Some("Valid for 15 minutes."), ..SendOptions::default() };
    let sent = host.otp.send(&host.phone, &host.login, "Tāmaki Makaurau", options).await;
    let Ok(SendOutcome::Sent(challenge)) = sent else { panic!("{sent:?}") };
    assert_eq!(challenge.parts, 2);
}

async fn a_refusal_is_given_back(store: Arc<dyn Store>) {
    let once = limits(&[30_000], 60_000, &[(1, 60_000)]);
    let host = Host::with(&store, Policy::default().with_send_limits(once), &[("a", 2)]);
    host.both(Mood::RefuseFunds);
    let refused = host.try_send(CodeSource::Ours).await.expect("an outcome");
    let SendOutcome::Refused { reason: RefusalReason::Gateway(words), retry_after: None } = refused else {
        panic!("{refused:?}")
    };
    assert!(words.contains("insufficient funds"), "{words}");
    host.both(Mood::Accept);
    host.send().await;
    let refused = host.try_send(CodeSource::Ours).await.expect("an outcome");
    assert!(matches!(refused, SendOutcome::Refused { retry_after: Some(_), .. }), "{refused:?}");
}

async fn a_fault_is_given_back(store: Arc<dyn Store>) {
    let once = limits(&[30_000], 60_000, &[(1, 60_000)]);
    let host = Host::with(&store, Policy::default().with_send_limits(once), &[("a", 2)]);
    host.both(Mood::RefuseCredentials);
    let fault = host.try_send(CodeSource::Ours).await;
    assert!(matches!(fault, Err(Error::Gateway(GatewayError::Unauthorized { .. }))), "{fault:?}");
    host.both(Mood::Accept);
    host.send().await;
}

async fn bad_text_counts_nothing(store: Arc<dyn Store>) {
    let once = limits(&[30_000], 60_000, &[(1, 60_000)]);
    let host = Host::with(&store, Policy::default().with_send_limits(once), &[("a", 2)]);
    let options = SendOptions { web_otp_domain: Some("evil.example"), ..Host::options() };
    let fault = host.otp.send(&host.phone, &host.login, "MyApp", options).await;
    assert!(matches!(fault, Err(Error::Text(_))), "{fault:?}");
    host.send().await;
}

async fn a_required_handle_is_required(store: Arc<dyn Store>) {
    let policy = Policy::default().with_send_limits(loose()).with_required_handle();
    let host = Host::with(&store, policy, &[("a", 2)]);
    let handle = host.send().await.handle.expect("a handle");
    let code = host.last_code();
    for _ in 0..10 {
        assert_eq!(host.verify(&code).await, Verdict::Expired);
        let strangers = VerifyOptions { handle: Some("AAAAAAAAAAAAAAAAAAAAAA"), ..Host::check() };
        assert_eq!(host.verify_with(&code, strangers).await, Verdict::Expired);
    }
    let own = VerifyOptions { handle: Some(handle.as_str()), ..Host::check() };
    assert!(host.verify_with(&code, own).await.is_verified());
}

async fn a_sent_message_is_known_to_delivery_reports(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let DeliveryState::Accepted { message_id: Some(message_id) } = host.send().await.delivery else {
        panic!("not accepted")
    };
    let key = MessageKey { gateway: "connexus".into(), message_id };
    let record = store.delivery(&key).await.expect("the store answers").expect("a record");
    assert!(record.sent && record.status.is_none());
}

async fn rotation_keeps_codes_valid(store: Arc<dyn Store>) {
    let policy = || Policy::default().with_send_limits(loose());
    let old = Host::with(&store, policy(), &[("2026-05", 2)]);
    old.send().await;
    let code = old.last_code();
    let rotated = Host::with(&store, policy(), &[("2026-11", 3), ("2026-05", 2)]);
    assert!(rotated.send().await.resent, "a code under the old pepper can be sent again");
    assert_eq!(rotated.last_code(), code);
    assert!(rotated.verify(&code).await.is_verified());

    old.send().await;
    let done = Host::with(&store, policy(), &[("2026-11", 3)]);
    assert_eq!(done.verify(&old.last_code()).await, Verdict::Expired, "the old pepper is gone");
}

async fn a_send_goes_on_when_its_caller_has_gone(store: Arc<dyn Store>) {
    let host = Arc::new(Host::new(&store));
    host.gateway.set(Mood::Wait);
    let sending = Arc::clone(&host);
    let caller = tokio::spawn(async move { sending.try_send(CodeSource::Ours).await });
    let patience = Duration::from_secs(5);
    eventually_true(patience, "the gateway is called", async || host.gateway.waiting.load(Ordering::SeqCst))
        .await;
    caller.abort();
    assert!(caller.await.expect_err("the caller has gone").is_cancelled());
    host.gateway.gate.add_permits(1);
    let key = MessageKey { gateway: "connexus".into(), message_id: "MSG1".into() };
    let record = eventually(patience, "the send is settled and joined", async || {
        store.delivery(&key).await.expect("the store answers")
    })
    .await;
    assert!(record.sent);
    assert!(host.verify(&host.last_code()).await.is_verified());
}

#[tokio::test]
async fn no_code_is_derived_twice_for_fresh_sends() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let host = Host::with(
        &store,
        Policy::default().with_send_limits(loose()).with_code_length(8).expect("8 digits"),
        &[("a", 2)],
    );
    for _ in 0..50 {
        host.send().await;
        assert!(host.verify(&host.last_code()).await.is_verified());
    }
    let distinct: HashSet<_> = host.gateway.texts().into_iter().collect();
    assert!(distinct.len() >= 49, "{} distinct codes of 50", distinct.len());
}

proptest! {
    #[test]
    fn no_input_but_the_code_verifies(input in "\\PC{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let host = Host::new(&store);
            host.send().await;
            let same = Code::parse(&input).is_ok_and(|code| code.expose() == host.last_code());
            assert_eq!(host.verify(&input).await.is_verified(), same);
        });
    }
}
