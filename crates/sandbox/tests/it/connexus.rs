//! Token, one-time code and text, field by field.

use std::collections::BTreeSet;

use reqwest::header::CONTENT_TYPE;
use sandbox::Settings;
use serde_json::{Value, json};

use crate::support::{PHONE, host, host_with};

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_token_is_given_for_the_right_credentials_as_form_or_json() {
    let host = host().await;
    let url = host.url("/api/connexus/auth/token");
    let credentials = json!({"client_secret": "csk_sandbox", "client_id": "cid_sandbox"});
    for request in [host.client.post(&url).json(&credentials), host.client.post(&url).form(&credentials)] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let answer: Value = response.json().await.unwrap();
        assert_eq!(keys(&answer), BTreeSet::from(["access_token", "token_type", "expires_in"]));
        assert!(answer["access_token"].as_str().unwrap().starts_with("wst_"));
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 86_400);
    }
    let stats = host.get("/sandbox/stats").await;
    assert_eq!((&stats["token_requests"], &stats["token_requests_ok"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn wrong_credentials_are_401_and_missing_ones_400() {
    let host = host().await;
    let url = host.url("/api/connexus/auth/token");
    let wrong = [("client_id", "cid_sandbox"), ("client_secret", "csk_other")];
    let response = host.client.post(&url).form(&wrong).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.json::<Value>().await.unwrap()["error"], "invalid_client");
    for missing in
        [json!({"client_id": "cid_sandbox"}), json!({}), json!({"client_id": "", "client_secret": ""})]
    {
        let response = host.client.post(&url).form(&missing).send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert_eq!(response.json::<Value>().await.unwrap()["error"], "invalid_request");
    }
    let broken =
        host.client.post(&url).header(CONTENT_TYPE, "application/json").body("{").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    let stats = host.get("/sandbox/stats").await;
    assert_eq!((&stats["token_requests"], &stats["token_requests_ok"]), (&json!(5), &json!(0)));
}

#[tokio::test]
async fn a_code_is_answered_and_worded_as_documented() {
    let host = host().await;
    let form = [
        ("to", PHONE),
        ("msgCompany", "MyApp"),
        ("msgCode", "482174"),
        ("msgComment", "Valid for 5 minutes."),
        ("webOtpDomain", "app.example.com"),
    ];
    let response = host.connexus("/sms/otp", &form).await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    let id = answer["message_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("MSG"));
    let expected = json!({
        "status": "success", "message_id": id, "to": PHONE, "from": "552", "code": "482174", "parts": 1
    });
    assert_eq!(answer, expected);

    let inbox = host.inbox(PHONE).await;
    assert_eq!(inbox.len(), 1);
    let text = "482174 is your MyApp verification code. Valid for 5 minutes.\n@app.example.com #482174";
    assert_eq!(inbox[0]["text"], text);
    assert_eq!(inbox[0]["message_id"], id);
    assert_eq!(inbox[0]["to"], format!("+{PHONE}"));
    assert_eq!((&inbox[0]["from"], &inbox[0]["gateway"]), (&json!("552"), &json!("connexus")));
    assert!(inbox[0].get("sandbox").is_none());
}

#[tokio::test]
async fn the_gateway_makes_six_digits_when_no_code_is_given() {
    let host = host().await;
    let url = host.url("/api/connexus/sms/otp");
    let body = json!({"to": PHONE, "msgCompany": "MyApp"});
    let answer = host.client.post(url).bearer_auth(host.token().await).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let code = answer["code"].as_str().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
    assert_eq!(host.inbox(PHONE).await[0]["text"], format!("{code} is your MyApp verification code."));
}

#[tokio::test]
async fn what_is_not_right_about_a_code_request_is_400() {
    let host = host().await;
    for wrong in [
        vec![("msgCompany", "MyApp")],
        vec![("to", PHONE)],
        vec![("to", "+6421234567"), ("msgCompany", "MyApp")],
        vec![("to", "021 234 567"), ("msgCompany", "MyApp")],
        vec![("to", PHONE), ("msgCompany", "MyApp"), ("msgCode", "123")],
        vec![("to", PHONE), ("msgCompany", "MyApp"), ("msgCode", "123456789")],
        vec![("to", PHONE), ("msgCompany", "MyApp"), ("msgCode", "12a456")],
        vec![("to", PHONE), ("msgCompany", "MyApp"), ("webOtpDomain", "https://app.example.com")],
    ] {
        let response = host.connexus("/sms/otp", &wrong).await.unwrap();
        assert_eq!(response.status(), 400, "{wrong:?}");
        let answer: Value = response.json().await.unwrap();
        assert_ne!(answer["status"], "success");
        assert!(answer.get("code").is_none());
    }
    assert!(host.inbox(PHONE).await.is_empty());
}

#[tokio::test]
async fn a_protected_path_wants_a_token_that_was_issued_and_lives() {
    let host = host_with(Settings { token_lifetime_seconds: 3_600, ..Settings::default() }).await;
    let token = host.token().await;
    for path in ["/api/connexus/sms/otp", "/api/connexus/sms/out"] {
        let form = [("to", PHONE), ("msgCompany", "MyApp"), ("body", "hi")];
        let request = || host.client.post(host.url(path)).form(&form);
        assert_eq!(request().send().await.unwrap().status(), 401);
        assert_eq!(request().bearer_auth("wst_unknown").send().await.unwrap().status(), 401);
        assert_eq!(request().basic_auth("wst", Some(&token)).send().await.unwrap().status(), 401);
        assert_eq!(request().bearer_auth(&token).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn any_text_is_answered_as_documented() {
    let host = host().await;
    let form = [("to", PHONE), ("body", "Kia ora"), ("messageClass", "transactional"), ("sandbox", "true")];
    let answer: Value = host.connexus("/sms/out", &form).await.unwrap().json().await.unwrap();
    let id = answer["message_id"].as_str().unwrap().to_owned();
    assert!(id.bytes().all(|b| b.is_ascii_digit()));
    let expected = json!({
        "success": true, "status": "accepted", "message_id": id, "to": PHONE, "from": "552", "parts": 1
    });
    assert_eq!(answer, expected);
    let inbox = host.inbox(PHONE).await;
    assert_eq!((&inbox[0]["text"], &inbox[0]["sandbox"]), (&json!("Kia ora"), &json!(true)));
}

#[tokio::test]
async fn a_bulk_request_succeeds_and_its_messages_may_fail() {
    let host = host().await;
    let body = json!({"messages": [
        {"to": PHONE, "body": "one", "from": "Shop", "sandbox": false},
        {"to": "nobody", "body": "two"},
        "nonsense",
    ]});
    let url = host.url("/api/connexus/sms/out");
    let answer = host.client.post(url).bearer_auth(host.token().await).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["success"], true);
    assert_eq!(answer["messages"][0]["success"], true);
    assert_eq!(answer["messages"][0]["from"], "Shop");
    assert_eq!(answer["messages"][1], json!({"success": false, "message": "Invalid number"}));
    assert_eq!(answer["messages"][2]["success"], false);
    assert_eq!(host.inbox(PHONE).await.len(), 1);
}

#[tokio::test]
async fn texts_are_counted_in_parts_and_bounded_in_length() {
    let host = host().await;
    let long = "a".repeat(161);
    let answer: Value =
        host.connexus("/sms/out", &[("to", PHONE), ("body", &long)]).await.unwrap().json().await.unwrap();
    assert_eq!(answer["parts"], 2);
    let too_long = "a".repeat(1_601);
    let too_long = [("to", PHONE), ("body", too_long.as_str())];
    assert_eq!(host.connexus("/sms/out", &too_long).await.unwrap().status(), 400);
    let long_reference = "r".repeat(37);
    let long_reference = [("to", PHONE), ("body", "hi"), ("messageId", long_reference.as_str())];
    assert_eq!(host.connexus("/sms/out", &long_reference).await.unwrap().status(), 400);
    let class = [("to", PHONE), ("body", "hi"), ("messageClass", "urgent")];
    assert_eq!(host.connexus("/sms/out", &class).await.unwrap().status(), 400);
}

#[tokio::test]
async fn an_oversize_body_is_413_and_other_paths_and_methods_are_told_apart() {
    let host = host().await;
    let huge = "a".repeat(70_000);
    assert_eq!(host.connexus("/sms/out", &[("to", PHONE), ("body", &huge)]).await.unwrap().status(), 413);
    assert_eq!(host.connexus("/sms/in", &[]).await.unwrap().status(), 404);
    let wrong_method = host.client.get(host.url("/api/connexus/sms/otp")).send().await.unwrap();
    assert_eq!(wrong_method.status(), 405);
}
