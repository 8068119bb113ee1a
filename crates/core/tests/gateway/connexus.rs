//! WebSMS Connexus: what is sent, and what counts as sent.

use serde_json::json;
use textproof::gateway::{Accepted, Gateway, GatewayError};

use crate::{
    fake::{Step, answer},
    messages::{BODY, CLIENT_SECRET, CODE, OTP, OUT, Sample, TOKEN, connexus, issuing, sent},
};

#[tokio::test]
async fn our_own_code_is_sent_as_documented_and_not_handed_back() {
    let fake = issuing(|_, _| answer(200, sent(CODE))).await;
    let answer = connexus(fake.base()).send_code(&Sample::new().code()).await.unwrap();
    assert_eq!(answer.accepted, Accepted { message_id: "MSG123".into(), parts: Some(1) });
    assert_eq!(answer.code, None);

    let [token] = &fake.seen(TOKEN)[..] else { panic!("one token request") };
    assert_eq!(json!(token.form()), json!({"client_id": "cid_canary", "client_secret": CLIENT_SECRET}));
    let [otp] = &fake.seen(OTP)[..] else { panic!("one send") };
    assert_eq!(otp.method, "POST");
    assert_eq!(otp.authorization(), "Bearer wst_canary-0");
    assert_eq!(otp.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(
        json!(otp.form()),
        json!({"msgCode": CODE, "msgComment": "Valid for 5 minutes.", "msgCompany": "MyApp", "to": "64211234567",
            "webOtpDomain": "app.example.com"})
    );
}

#[tokio::test]
async fn a_code_that_the_gateway_made_comes_back_once() {
    let fake = issuing(|_, _| answer(200, sent("004821"))).await;
    let answer = connexus(fake.base()).send_code(&Sample::new().codeless()).await.unwrap();
    assert_eq!(answer.code.unwrap().expose(), "004821");
    assert_eq!(json!(fake.seen(OTP)[0].form()), json!({"msgCompany": "MyApp", "to": "64211234567"}));
}

#[tokio::test]
async fn a_text_carries_our_reference_and_one_token_serves_many() {
    let fake = issuing(|_, before| {
        let id = if before == 0 { json!("1188236") } else { json!(1_188_236) };
        let parts = if before == 0 { json!(1) } else { json!("1") };
        answer(200, json!({"success": true, "status": "accepted", "message_id": id, "parts": parts}))
    })
    .await;
    let gateway = connexus(fake.base());
    for _ in 0..2 {
        let accepted = gateway.send_text(&Sample::new().text()).await.unwrap();
        assert_eq!(accepted, Accepted { message_id: "1188236".into(), parts: Some(1) });
    }
    assert_eq!(fake.seen(TOKEN).len(), 1);
    assert_eq!(
        json!(fake.seen(OUT)[0].form()),
        json!({"body": BODY, "messageClass": "transactional", "messageId": "ref-2", "to": "64211234567"})
    );
}

#[tokio::test]
async fn a_reference_that_would_be_cut_is_not_sent() {
    let fake = issuing(|_, _| Step::Hang).await;
    let (sample, long) = (Sample::new(), "r".repeat(37));
    let mut text = sample.text();
    text.reference = Some(&long);
    let error = connexus(fake.base()).send_text(&text).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unsupported { .. }));
    assert!(fake.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn a_bulk_answer_about_our_one_message_is_an_answer() {
    let fake = issuing(|_, _| answer(200, json!({"success": true, "messages": [{"message_id": 7}]}))).await;
    let accepted = connexus(fake.base()).send_text(&Sample::new().text()).await.unwrap();
    assert_eq!(accepted, Accepted { message_id: "7".into(), parts: None });
}
