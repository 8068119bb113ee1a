//! The phone, the stats, reset, start and stop.

use sandbox::{Gateway, Settings};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{DEADLINE, PHONE, Receiver, host};

#[tokio::test]
async fn the_inbox_takes_a_number_in_every_spelling_and_is_oldest_first() {
    let host = host().await;
    for body in ["one", "two"] {
        assert_eq!(host.connexus("/sms/out", &[("to", PHONE), ("body", body)]).await.unwrap().status(), 200);
    }
    for spelling in ["6421234567", "+6421234567", "%2B6421234567", "%2B64%2021%20234%20567"] {
        let texts: Vec<_> = host.inbox(spelling).await.iter().map(|text| text["text"].clone()).collect();
        assert_eq!(texts, [json!("one"), json!("two")], "{spelling}");
    }
    assert!(host.inbox("6421000000").await.is_empty());
    let all = host.get("/sandbox/messages").await;
    assert_eq!(all["messages"].as_array().unwrap().len(), 2);
    let received = all["messages"][0]["received_at"].as_str().unwrap();
    assert!(received.ends_with('Z') && received.len() == 24, "{received}");
}

#[tokio::test]
async fn texts_are_broadcast_as_they_arrive() {
    let host = host().await;
    let mut texts = host.sandbox.texts();
    host.otp().await.unwrap();
    let text = tokio::time::timeout(DEADLINE, texts.recv()).await.unwrap().unwrap();
    assert_eq!((text.gateway, text.to.as_str()), (Gateway::Connexus, "+6421234567"));
    assert_eq!(text.text, "482174 is your MyApp verification code.");
}

#[tokio::test]
async fn stats_count_requests_and_sends() {
    let host = host().await;
    host.otp().await.unwrap();
    host.connexus("/sms/otp", &[]).await.unwrap();
    host.connexus("/sms/out", &[("to", PHONE), ("body", "hi")]).await.unwrap();
    let stats = host.get("/sandbox/stats").await;
    assert_eq!(stats["token_requests"], 3);
    assert_eq!(stats["requests"]["connexus"], json!({"otp": 2, "out": 1}));
    assert_eq!(stats["sends"]["connexus"], json!({"otp": 1, "out": 1}));
    assert_eq!(stats["deliveries"], json!([]), "no address, no webhook");
}

#[tokio::test]
async fn reset_brings_back_the_beginning_but_keeps_the_addresses() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    let token = host.token().await;
    host.otp().await.unwrap();
    host.stats_when("reports", |stats| stats["webhooks"]["delivered"] == 2).await;
    host.fault(json!({"kind": "server_error"})).await;
    host.fault(json!({"kind": "late", "delay_ms": 600_000})).await;
    host.reply("never told", "connexus").await;

    assert_eq!(host.post("/sandbox/reset", &json!({})).await.status(), 200);
    assert!(host.inbox(PHONE).await.is_empty());
    assert_eq!(host.get("/sandbox/faults").await, json!({"faults": []}));
    let stats = host.get("/sandbox/stats").await;
    assert_eq!((&stats["token_requests"], &stats["webhooks"]["pending"]), (&json!(0), &json!(0)));
    let url = host.url("/api/connexus/sms/out");
    let request = host.client.post(url).bearer_auth(token).form(&[("to", PHONE), ("body", "hi")]);
    assert_eq!(request.send().await.unwrap().status(), 401, "the token is gone");

    host.reply("told", "connexus").await;
    receiver.next().await;
    receiver.next().await;
    assert_eq!(receiver.next().await.json()["body"], "told");
}

#[tokio::test]
async fn what_the_controls_refuse_is_a_problem() {
    let host = host().await;
    for (path, body) in [
        ("/sandbox/reply", json!({"to": "552", "text": "hi"})),
        ("/sandbox/reply", json!({"from": " ", "to": "552", "text": "hi"})),
        ("/sandbox/reply", json!({"from": "1", "to": "552", "text": "a".repeat(1_601)})),
        ("/sandbox/reply", json!({"from": "1", "text": "hi", "timestamp": i64::MAX})),
        ("/sandbox/faults", json!({"kind": "unheard_of"})),
        ("/sandbox/faults", json!({"kind": "slow", "colour": "red"})),
        ("/sandbox/faults", json!([{"kind": "slow"}, {"kind": "forge", "on": "otp"}])),
        ("/sandbox/webhooks", json!({"connexus": ["ftp://s3cret"]})),
        ("/sandbox/nothing", json!({})),
    ] {
        let response = host.post(path, &body).await;
        assert!(response.status().is_client_error(), "{path} {body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path} {body}");
        let text = response.text().await.unwrap();
        assert!(text.contains("\"detail\"") && !text.contains("s3cret"), "{text}");
    }
    assert_eq!(host.get("/sandbox/faults").await, json!({"faults": []}));
    // A page elsewhere cannot post here without asking first: only application/json is taken.
    let plain = host.client.post(host.url("/sandbox/reply")).body(r#"{"from":"1","text":"x"}"#).send().await;
    assert_eq!(plain.unwrap().status(), 415);
    assert_eq!(host.get("/healthz").await, json!({"ok": true}));
    assert_eq!(host.get("/readyz").await, json!({"ok": true}));
}

#[tokio::test]
async fn a_setting_that_cannot_work_is_refused_before_anything_is_bound() {
    for settings in [
        Settings { client_secret: String::new(), ..Settings::default() },
        Settings { mac_webhooks: vec!["not a url".into()], ..Settings::default() },
        Settings { token_lifetime_seconds: 0, ..Settings::default() },
    ] {
        let started = sandbox::start(settings, CancellationToken::new()).await;
        assert_eq!(started.err().unwrap().kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn it_stops_in_bounded_time_with_requests_and_webhooks_under_way() {
    let shutdown = CancellationToken::new();
    let settings = Settings { bind: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
    let sandbox = sandbox::start(settings, shutdown.clone()).await.unwrap();
    let base = format!("http://{}", sandbox.addr());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let webhooks = json!({"connexus": ["http://127.0.0.1:9/hooks"]});
    client.post(format!("{base}/sandbox/webhooks")).json(&webhooks).send().await.unwrap();
    let faults = json!([{"kind": "slow", "delay_ms": 600_000}, {"kind": "late", "delay_ms": 600_000}]);
    client.post(format!("{base}/sandbox/faults")).json(&faults).send().await.unwrap();
    let reply = json!({"from": "+6421234567", "text": "late"});
    client.post(format!("{base}/sandbox/reply")).json(&reply).send().await.unwrap();
    let slow = tokio::spawn(client.post(format!("{base}/api/connexus/sms/otp")).send());
    test_support::eventually_true(DEADLINE, "the slow request has arrived", async || {
        let stats = client.get(format!("{base}/sandbox/stats")).send().await.unwrap();
        let stats: serde_json::Value = stats.json().await.unwrap();
        stats["requests"]["connexus"]["otp"] == 1
    })
    .await;
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, sandbox.stopped()).await.expect("a bounded drain");
    assert_eq!(slow.await.unwrap().unwrap().status(), 401, "the slow request was let go, not cut");
    assert!(client.get(format!("{base}/healthz")).send().await.is_err());
}
