//! Every fault that strikes a request.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{PHONE, Receiver, host};

#[tokio::test]
async fn expired_tokens_are_unknown_and_new_ones_work() {
    let host = host().await;
    let token = host.token().await;
    host.fault(json!({"gateway": "connexus", "on": "token", "kind": "expire_tokens", "times": 1})).await;
    let form = [("to", PHONE), ("body", "hi")];
    let request = host.client.post(host.url("/api/connexus/sms/out")).bearer_auth(token).form(&form);
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert_eq!(host.connexus("/sms/out", &form).await.unwrap().status(), 200);
    assert_eq!(host.get("/sandbox/faults").await, json!({"faults": []}), "done at once, nothing left");
}

#[tokio::test]
async fn a_token_can_be_short_lived() {
    let host = host().await;
    host.fault(json!({"kind": "token_lifetime", "expires_in_seconds": 3_600, "times": 1})).await;
    let url = host.url("/api/connexus/auth/token");
    let credentials = [("client_id", "cid_sandbox"), ("client_secret", "csk_sandbox")];
    for expected in [3_600, 86_400] {
        let answer = host.client.post(&url).form(&credentials).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["expires_in"], expected);
    }
}

#[tokio::test]
async fn refusals_have_the_gateways_status_and_strike_as_often_as_told() {
    let host = host().await;
    host.fault(json!({"kind": "unauthorized", "on": "otp"})).await;
    for _ in 0..3 {
        assert_eq!(host.otp().await.unwrap().status(), 401, "for ever");
    }
    let cleared = host.client.delete(host.url("/sandbox/faults")).send().await.unwrap();
    assert_eq!(cleared.json::<Value>().await.unwrap(), json!({"faults": []}));

    host.fault(json!({"kind": "rate_limited", "on": "otp", "times": 1, "retry_after_seconds": 7})).await;
    let limited = host.otp().await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    host.fault(json!({"kind": "server_error", "on": "otp", "times": 1, "status": 502})).await;
    assert_eq!(host.otp().await.unwrap().status(), 502);
    host.fault(json!({"kind": "forbidden", "on": "otp", "times": 1})).await;
    assert_eq!(host.otp().await.unwrap().status(), 403);
    host.fault(json!({"kind": "not_json", "on": "otp", "times": 1})).await;
    let page = host.otp().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.json::<Value>().await.is_err());
    assert!(host.inbox(PHONE).await.is_empty(), "nothing of this was sent");
    assert_eq!(host.otp().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_other_gateway_refuses_in_its_own_words() {
    let host = host().await;
    let body = json!({"to": format!("+{PHONE}"), "text": "hi"});
    for (fault, status, error) in [
        (json!({"kind": "unauthorized"}), 401, "invalid_api_key"),
        (json!({"kind": "forbidden"}), 403, "tenant_inactive"),
        (json!({"kind": "server_error", "status": 503}), 503, "no_active_device_for_tenant"),
    ] {
        let mut fault = fault;
        fault["gateway"] = "mobile-api-connect".into();
        fault["times"] = 1.into();
        host.fault(fault).await;
        let response = host.message(&body).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.json::<Value>().await.unwrap(), json!({"error": error}));
    }
    assert_eq!(host.message(&body).await.unwrap().status(), 202);
}

#[tokio::test]
async fn a_failure_can_come_as_200() {
    let host = host().await;
    host.fault(json!({"kind": "refused_200"})).await;
    let funds = json!({"success": false, "message": "Insufficient funds", "required": 0.115});
    assert_eq!(host.otp().await.unwrap().json::<Value>().await.unwrap(), funds);
    let out = host.connexus("/sms/out", &[("to", PHONE), ("body", "hi")]).await.unwrap();
    assert_eq!(out.status(), 200);
    assert_eq!(out.json::<Value>().await.unwrap(), funds);
    let bulk = json!({"messages": [{"to": PHONE, "body": "one"}]});
    let url = host.url("/api/connexus/sms/out");
    let bulk = host.client.post(url).bearer_auth(host.token().await).json(&bulk).send().await.unwrap();
    assert_eq!(bulk.json::<Value>().await.unwrap(), json!({"success": true, "messages": [funds]}));
    assert!(host.inbox(PHONE).await.is_empty());
}

#[tokio::test]
async fn a_slow_answer_still_comes() {
    let host = host().await;
    host.fault(json!({"kind": "slow", "on": "messages", "times": 1, "delay_ms": 150})).await;
    let start = Instant::now();
    let body = json!({"to": format!("+{PHONE}"), "text": "hi"});
    assert_eq!(host.message(&body).await.unwrap().status(), 202);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn accept_then_drop_sends_the_text_and_no_byte_of_an_answer() {
    let host = host().await;
    host.fault(json!({"kind": "accept_then_drop", "on": "otp", "times": 1})).await;
    let token = host.token().await;
    let body = format!("to={PHONE}&msgCompany=MyApp&msgCode=482174");
    let mut stream = TcpStream::connect(host.sandbox.addr()).await.unwrap();
    let request = format!(
        "POST /api/connexus/sms/otp HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer {token}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good as an end: either way nothing was answered.
    let _ = tokio::time::timeout(crate::support::DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "");
    assert_eq!(host.inbox(PHONE).await.len(), 1);
}

#[tokio::test]
async fn accept_then_drop_is_an_error_to_a_client_on_every_path() {
    let host = host().await;
    host.fault(json!({"kind": "accept_then_drop", "on": "otp", "times": 1})).await;
    assert!(host.otp().await.is_err());
    host.fault(json!({"kind": "accept_then_drop", "on": "out", "times": 1})).await;
    assert!(host.connexus("/sms/out", &[("to", PHONE), ("body", "hi")]).await.is_err());
    host.fault(json!({"kind": "accept_then_drop", "on": "messages", "times": 1})).await;
    assert!(host.message(&json!({"to": format!("+{PHONE}"), "text": "hi"})).await.is_err());
    assert_eq!(host.inbox(PHONE).await.len(), 3);
    host.fault(json!({"kind": "accept_then_drop", "on": "token", "times": 1})).await;
    let credentials = [("client_id", "cid_sandbox"), ("client_secret", "csk_sandbox")];
    let request = host.client.post(host.url("/api/connexus/auth/token")).form(&credentials);
    assert!(request.send().await.is_err());
}

#[tokio::test]
async fn a_fault_on_accepted_requests_waits_for_one() {
    let host = host().await;
    host.fault(json!({"kind": "refused_200", "on": "otp", "times": 1})).await;
    let unauthorized = host.client.post(host.url("/api/connexus/sms/otp")).send().await.unwrap();
    assert_eq!(unauthorized.status(), 401);
    assert_eq!(host.otp().await.unwrap().json::<Value>().await.unwrap()["success"], false);
}

#[tokio::test]
async fn an_id_can_be_missing_or_a_number() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    host.fault(json!({"kind": "no_message_id", "on": "otp", "times": 1})).await;
    let answer: Value = host.otp().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["status"], answer.get("message_id")), (&json!("success"), None));
    host.fault(json!({"kind": "as_seen", "on": "out", "times": 1})).await;
    let out = host.connexus("/sms/out", &[("to", PHONE), ("body", "hi")]).await.unwrap();
    let out: Value = out.json().await.unwrap();
    assert!(out["message_id"].is_u64(), "{out}");
    // The first webhook is of the second text: the first has no id to be reported under.
    assert_eq!(receiver.next().await.json()["messageId"], out["message_id"]);
}
