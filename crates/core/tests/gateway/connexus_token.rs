//! WebSMS Connexus: tokens that are refused, and tokens that are not to be had.

use std::time::Duration;

use serde_json::json;
use textproof::{
    gateway::{Certainty, Gateway, GatewayError},
    token::TokenError,
};

use crate::{
    fake::{Fake, Nobody, Step, answer},
    messages::{CODE, OTP, Sample, TOKEN, connexus, issuing, sent, token},
};

#[tokio::test]
async fn a_401_is_answered_with_one_new_token_and_one_repeat() {
    let fake = issuing(|request, _| match request.authorization() {
        "Bearer wst_canary-0" => answer(401, json!({"error": "invalid_token"})),
        _ => answer(200, sent(CODE)),
    })
    .await;
    connexus(fake.base()).send_code(&Sample::new().code()).await.unwrap();
    let tokens: Vec<_> = fake.seen(OTP).iter().map(|request| request.authorization().to_owned()).collect();
    assert_eq!(tokens, ["Bearer wst_canary-0", "Bearer wst_canary-1"]);
    assert_eq!(fake.seen(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_permanent_401_is_two_calls_then_none_for_a_while() {
    let fake = issuing(|_, _| answer(401, "no")).await;
    let gateway = connexus(fake.base());
    let error = gateway.send_code(&Sample::new().code()).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unauthorized { .. }), "{error:?}");
    for _ in 0..3 {
        let error = gateway.send_code(&Sample::new().code()).await.unwrap_err();
        assert!(
            matches!(error, GatewayError::Token { source: TokenError::CredentialsRefused, .. }),
            "{error:?}"
        );
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
    assert_eq!((fake.seen(OTP).len(), fake.seen(TOKEN).len()), (2, 2));
}

#[tokio::test]
async fn a_repeat_after_a_401_that_is_lost_is_not_repeated_again() {
    let fake = issuing(|_, before| if before == 0 { answer(401, "no") } else { Step::Drop }).await;
    let error = connexus(fake.base()).send_code(&Sample::new().code()).await.unwrap_err();
    assert!(matches!(error, GatewayError::Lost { .. }), "{error:?}");
    assert_eq!(fake.seen(OTP).len(), 2);
}

#[tokio::test]
async fn refused_credentials_are_asked_for_once() {
    for status in [400, 401, 403] {
        let fake = Fake::start(move |_, _| answer(status, json!({"error": "invalid_client"}))).await;
        let gateway = connexus(fake.base());
        for _ in 0..3 {
            let error = gateway.send_code(&Sample::new().code()).await.unwrap_err();
            assert!(
                matches!(error, GatewayError::Token { source: TokenError::CredentialsRefused, .. }),
                "{error:?}"
            );
        }
        assert_eq!(fake.seen(TOKEN).len(), 1);
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_left_alone_for_as_long_as_it_asks() {
    let steps: [fn() -> Step; 8] = [
        || answer(500, "oops"),
        || answer(200, "<html>"),
        || answer(200, json!({"token_type": "Bearer"})),
        || answer(200, json!({"access_token": ""})),
        || answer(200, json!({"access_token": "wst_a\r\nb"})),
        || answer(200, json!({"access_token": "wst_a", "expires_in": 0})),
        || Step::Drop,
        || Step::Hang,
    ];
    for step in steps {
        let fake = Fake::start(move |_, _| step()).await;
        let gateway = connexus(fake.base());
        for _ in 0..2 {
            let error = gateway.check().await.unwrap_err();
            let GatewayError::Token { source: TokenError::Unavailable { .. }, .. } = error else {
                panic!("{error:?}")
            };
        }
        assert_eq!(fake.seen(TOKEN).len(), 1);
    }
    let fake = Fake::start(|_, _| Step::Answer(429, "Retry-After: 120\r\n".into(), Vec::new())).await;
    let error = connexus(fake.base()).check().await.unwrap_err();
    let GatewayError::Token { source: TokenError::Unavailable { retry_after }, .. } = error else {
        panic!("{error:?}")
    };
    assert!(retry_after >= Duration::from_secs(120), "{retry_after:?}");
}

#[tokio::test]
async fn a_check_obtains_a_token_and_sends_nothing() {
    let fake = Fake::start(|_, before| token(before)).await;
    let gateway = connexus(fake.base());
    gateway.check().await.unwrap();
    gateway.check().await.unwrap();
    assert_eq!(fake.seen(TOKEN).len(), 1);
    let error = connexus(Nobody::new().base()).check().await.unwrap_err();
    assert!(matches!(error, GatewayError::Token { source: TokenError::Unavailable { .. }, .. }), "{error:?}");
}
