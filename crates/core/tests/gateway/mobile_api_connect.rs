//! MMobile API Connect: its answers, and the text that we make for it.

use serde_json::json;
use textproof::gateway::{Accepted, Certainty, Gateway, GatewayError};

use crate::{
    fake::{Fake, Nobody, Step, answer},
    messages::{BODY, CODE, KEY, NUMBER, Sample, mobile_api_connect},
};

const MESSAGES: &str = "/api/messages";

async fn error_of(step: impl Fn() -> Step + Send + Sync + 'static) -> GatewayError {
    let fake = Fake::start(move |_, _| step()).await;
    let error = mobile_api_connect(fake.base()).send_code(&Sample::new().code()).await.unwrap_err();
    assert_eq!(fake.seen(MESSAGES).len(), 1, "{error:?}");
    error
}

async fn accepting() -> Fake {
    Fake::start(|_, _| {
        answer(202, json!({"id": "msg_1", "status": "queued", "createdAt": "2026-06-12T14:32:00Z"}))
    })
    .await
}

#[tokio::test]
async fn a_code_goes_out_in_the_same_words_as_elsewhere() {
    let fake = accepting().await;
    let answer = mobile_api_connect(fake.base()).send_code(&Sample::new().code()).await.unwrap();
    assert_eq!(answer.accepted, Accepted { message_id: "msg_1".into(), parts: None });
    assert_eq!(answer.code, None);
    let [request] = &fake.seen(MESSAGES)[..] else { panic!("one request") };
    assert_eq!(request.authorization(), format!("Bearer {KEY}"));
    let text =
        format!("{CODE} is your MyApp verification code. Valid for 5 minutes.\n@app.example.com #{CODE}");
    assert_eq!(request.json(), json!({"to": NUMBER, "text": text, "ref": "ref-1", "channel": "sms"}));
}

#[tokio::test]
async fn a_text_without_a_reference_has_no_ref() {
    let fake = accepting().await;
    let sample = Sample::new();
    let mut text = sample.text();
    text.reference = None;
    mobile_api_connect(fake.base()).send_text(&text).await.unwrap();
    assert_eq!(fake.seen(MESSAGES)[0].json(), json!({"to": NUMBER, "text": BODY, "channel": "sms"}));
}

#[tokio::test]
async fn what_the_gateway_cannot_do_is_not_tried() {
    let fake = accepting().await;
    let (gateway, sample) = (mobile_api_connect(fake.base()), Sample::new());
    assert!(!gateway.makes_codes());
    let error = gateway.send_code(&sample.codeless()).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unsupported { .. }), "{error:?}");
    for body in [String::new(), "a".repeat(1601)] {
        let mut text = sample.text();
        text.body = &body;
        let error = gateway.send_text(&text).await.unwrap_err();
        assert!(matches!(error, GatewayError::Unsupported { .. }), "{error:?}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
    assert!(fake.seen(MESSAGES).is_empty());
}

#[tokio::test]
async fn a_refused_key_is_final() {
    for error in ["unauthorized", "invalid_api_key"] {
        let error = error_of(move || answer(401, json!({"error": error}))).await;
        assert!(matches!(error, GatewayError::Unauthorized { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_validation_error_is_a_wrong_number_only_when_it_says_so() {
    let body =
        |path| json!({"error": "validation_error", "issues": [{"path": [path], "message": "must be good"}]});
    let error = error_of(move || answer(400, body("to"))).await;
    assert!(matches!(error, GatewayError::InvalidNumber { .. }), "{error:?}");
    let error = error_of(move || answer(400, body("text"))).await;
    let GatewayError::Rejected { status: 400, reason, .. } = &error else { panic!("{error:?}") };
    assert_eq!(reason, "validation_error");
}

#[tokio::test]
async fn refusals_are_certain() {
    for (status, word) in [(403, "tenant_inactive"), (404, "not_found"), (503, "no_active_device_for_tenant")]
    {
        let error = error_of(move || answer(status, json!({"error": word}))).await;
        let GatewayError::Rejected { status: told, reason, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*told, reason.as_str()), (status, word));
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
    let error = error_of(|| Step::Answer(429, "Retry-After: 3\r\n".into(), Vec::new())).await;
    assert!(matches!(error, GatewayError::RateLimited { retry_after, .. } if retry_after.as_secs() == 3));
}

#[tokio::test]
async fn answers_that_are_cut_strange_or_late_are_unknown() {
    let steps: [fn() -> Step; 7] = [
        || Step::Drop,
        || Step::BreakOff,
        || Step::Hang,
        || answer(500, json!({"error": "internal_error"})),
        || answer(202, "<html>"),
        || answer(202, json!({"status": "queued"})),
        || answer(202, json!({"id": "msg_1", "error": "internal_error"})),
    ];
    for step in steps {
        let error = error_of(step).await;
        assert_eq!(error.certainty(), Certainty::Unknown, "{error:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_is_not_there_has_certainly_not_sent() {
    let nobody = Nobody::new();
    let error = mobile_api_connect(nobody.base()).send_text(&Sample::new().text()).await.unwrap_err();
    assert!(matches!(error, GatewayError::Connect { .. }), "{error:?}");
    assert_eq!(error.certainty(), Certainty::NotSent);
}

#[tokio::test]
async fn a_check_asks_whether_anybody_answers_and_sends_nothing() {
    let fake = Fake::start(|_, before| answer([404, 401, 200][before.min(2)], "")).await;
    let gateway = mobile_api_connect(fake.base());
    gateway.check().await.unwrap();
    assert!(matches!(gateway.check().await, Err(GatewayError::Unauthorized { .. })));
    gateway.check().await.unwrap();
    assert!(fake.seen("/api").iter().all(|request| request.method == "GET"));
    assert_eq!(fake.seen("/api").len(), 3);

    let silent = Fake::start(|_, _| Step::Hang).await;
    assert!(matches!(mobile_api_connect(silent.base()).check().await, Err(GatewayError::Connect { .. })));
}
