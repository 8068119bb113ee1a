//! WebSMS Connexus: every documented and every seen failure, each after exactly one send.

use std::time::Duration;

use serde_json::{Value, json};
use textproof::gateway::{Certainty, Gateway, GatewayError};

use crate::{
    fake::{Fake, Step, answer},
    messages::{CODE, OTP, OUT, Sample, connexus, issuing, sent},
};

/// Sends a code to a gateway that gives this answer, and makes sure that it was asked once.
async fn otp_error(step: impl Fn() -> Step + Send + Sync + 'static) -> GatewayError {
    let fake = issuing(move |_, _| step()).await;
    let error = connexus(fake.base()).send_code(&Sample::new().code()).await.unwrap_err();
    assert_eq!(fake.seen(OTP).len(), 1, "{error:?}");
    error
}

async fn text_error(step: impl Fn() -> Step + Send + Sync + 'static) -> GatewayError {
    let fake = issuing(move |_, _| step()).await;
    let error = connexus(fake.base()).send_text(&Sample::new().text()).await.unwrap_err();
    assert_eq!(fake.seen(OUT).len(), 1, "{error:?}");
    error
}

#[tokio::test]
async fn no_money_is_found_in_every_shape() {
    let refused = json!({"success": false, "message": "Insufficient funds", "required": 0.115});
    for (status, body) in [
        (200, refused.clone()),
        (403, refused.clone()),
        (403, json!({})),
        (200, json!({"success": true, "messages": [refused]})),
        (200, json!({"success": false, "error": "insufficient_funds", "code": 402})),
        (200, json!({"success": false, "message": "Zu wenig Guthaben", "required": 1})),
    ] {
        let text = body.to_string();
        let error = text_error({
            let body = body.clone();
            move || answer(status, &body)
        })
        .await;
        assert!(matches!(error, GatewayError::InsufficientFunds { .. }), "{text}: {error:?}");
        let error = otp_error(move || answer(status, &body)).await;
        assert!(matches!(error, GatewayError::InsufficientFunds { .. }), "{text}: {error:?}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
}

#[tokio::test]
async fn a_wrong_number_is_found_in_the_bulk_shape_and_alone() {
    for (status, body) in [
        (
            200,
            json!({"success": true, "messages": [{"success": false, "message": "Invalid number"}], "total": 1}),
        ),
        (200, json!({"success": false, "message": "invalid number."})),
        (400, json!({"error": "invalid_number"})),
    ] {
        let error = text_error(move || answer(status, &body)).await;
        assert!(matches!(error, GatewayError::InvalidNumber { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_neither_yes_nor_no_is_unknown() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!("success"),
        json!({"success": "true", "message_id": "1"}),
        json!({"success": false, "status": "accepted", "message_id": "1"}),
        json!({"success": true, "messages": []}),
        json!({"success": true, "messages": [{"message_id": "1"}, {"message_id": "2"}]}),
    ] {
        let text = body.to_string();
        let error = text_error(move || answer(200, &body)).await;
        assert!(matches!(error, GatewayError::Lost { status: Some(200), .. }), "{text}: {error:?}");
    }
}

#[tokio::test]
async fn a_code_is_sent_only_with_the_word_success_our_code_and_an_id() {
    let with = |name: &str, value: Value| {
        let mut body = sent(CODE);
        body[name] = value;
        body
    };
    for body in [
        with("status", json!("accepted")),
        with("status", json!("Success!")),
        with("status", Value::Null),
        with("success", json!(false)),
        with("code", json!("")),
        with("code", Value::Null),
        with("code", json!(739_154)),
        with("code", json!("none")),
        with("code", json!("739155")),
        with("code", json!("7".repeat(100))),
    ] {
        let text = body.to_string();
        let error = otp_error(move || answer(200, &body)).await;
        assert!(matches!(error, GatewayError::Lost { .. }), "{text}: {error:?}");
    }
    for id in [json!(""), Value::Null, json!(" "), json!([]), json!("1\r\n2"), json!("9".repeat(129))] {
        let body = with("message_id", id);
        let error = otp_error(move || answer(200, &body)).await;
        assert!(matches!(error, GatewayError::NoMessageId { .. }), "{error:?}");
        assert_eq!(error.certainty(), Certainty::Unknown);
    }
}

#[tokio::test]
async fn a_text_accepted_without_an_id_is_a_failure() {
    let error = text_error(|| answer(200, json!({"success": true, "status": "accepted"}))).await;
    assert!(matches!(error, GatewayError::NoMessageId { .. }), "{error:?}");
}

#[tokio::test]
async fn other_refusals_carry_the_gateways_words() {
    let body = json!({"error": "invalid_request", "message": "msgCompany is missing"});
    let error = otp_error(move || answer(400, &body)).await;
    let GatewayError::Rejected { status: 400, reason, .. } = &error else { panic!("{error:?}") };
    assert_eq!(reason, "msgCompany is missing");
    assert!(error.is_refusal());
    let error = otp_error(|| answer(404, "<html>not here</html>")).await;
    assert!(matches!(&error, GatewayError::Rejected { status: 404, reason, .. } if reason == "Not Found"));
}

#[tokio::test]
async fn too_many_requests_carries_the_wait() {
    let error = otp_error(|| Step::Answer(429, "Retry-After: 17\r\n".into(), b"slow down".to_vec())).await;
    let GatewayError::RateLimited { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Duration::from_secs(17));
}

#[tokio::test]
async fn a_failing_gateway_may_have_sent_the_text_unless_it_was_not_available() {
    for status in [500, 502, 504] {
        let error = text_error(move || answer(status, "oops")).await;
        assert!(matches!(error, GatewayError::Lost { status: Some(s), .. } if s == status), "{error:?}");
    }
    let error = text_error(|| answer(503, json!({"error": "server_error"}))).await;
    assert!(matches!(error, GatewayError::Rejected { status: 503, .. }), "{error:?}");
    assert_eq!(error.certainty(), Certainty::NotSent);
}

#[tokio::test]
async fn a_page_in_place_of_json_is_unknown_only_where_the_text_may_be_out() {
    let page = "<!doctype html><title>Gateway</title>";
    let error = otp_error(move || answer(200, page)).await;
    assert!(matches!(error, GatewayError::Lost { status: Some(200), .. }), "{error:?}");
    let error = otp_error(move || answer(400, page)).await;
    assert!(matches!(error, GatewayError::Rejected { status: 400, .. }), "{error:?}");
    let error = otp_error(|| answer(200, " ".repeat(70_000) + &sent(CODE).to_string())).await;
    assert!(matches!(error, GatewayError::Lost { what: "the answer is too long", .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let to = "Location: /api/elsewhere\r\n";
    for (status, certainty) in
        [(301, Certainty::NotSent), (307, Certainty::NotSent), (303, Certainty::Unknown)]
    {
        let error = otp_error(move || Step::Answer(status, to.into(), Vec::new())).await;
        assert_eq!(error.certainty(), certainty, "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_or_never_comes_is_unknown_and_asked_for_once() {
    let error = otp_error(|| Step::Drop).await;
    assert!(matches!(error, GatewayError::Lost { status: None, .. }), "{error:?}");
    let error = otp_error(|| Step::BreakOff).await;
    assert!(matches!(error, GatewayError::Lost { status: Some(200), .. }), "{error:?}");
    let error = otp_error(|| Step::Hang).await;
    assert!(matches!(error, GatewayError::Lost { what: "no answer in time", .. }), "{error:?}");
    assert_eq!(error.certainty(), Certainty::Unknown);
}

#[tokio::test]
async fn a_gateway_that_is_gone_has_certainly_not_sent() {
    let fake = Fake::start_and_leave(|_, _| {
        let token = json!({"access_token": "wst_canary", "expires_in": 3600});
        Step::Answer(200, "Connection: close\r\n".into(), token.to_string().into_bytes())
    })
    .await;
    let error = connexus(fake.base()).send_code(&Sample::new().code()).await.unwrap_err();
    assert!(matches!(error, GatewayError::Connect { .. }), "{error:?}");
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert!(!error.is_refusal());
}
