//! Webhooks: shapes, signatures, retries, and what faults make of them.

use std::{collections::BTreeSet, time::Duration};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sandbox::{Settings, Webhooks};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Hook, PHONE, Receiver, host, host_with, quick};

/// Checked by hand, over the bytes as received.
fn signed_with(hook: &Hook, secret: &str) -> bool {
    let hex = hook.signature().unwrap().strip_prefix("sha256=").unwrap();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&hook.body);
    mac.verify_slice(&HEXLOWER.decode(hex.as_bytes()).unwrap()).is_ok()
}

fn codes(stats: &Value) -> Vec<i64> {
    stats["deliveries"].as_array().unwrap().iter().filter_map(|d| d["status_code"].as_i64()).collect()
}

#[tokio::test]
async fn an_accepted_text_is_reported_accepted_and_then_delivered() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    let answer: Value = host.otp().await.unwrap().json().await.unwrap();
    for (code, word) in [(8, "ACCEPTD"), (1, "DELIVRD")] {
        let hook = receiver.next().await;
        assert_eq!(hook.path, "/hooks/websms/s3cret-path-segment");
        assert_eq!(hook.headers["content-type"], "application/json");
        assert!(hook.signature().is_none(), "Connexus signs nothing");
        let report = hook.json();
        let timestamp = report["timestamp"].as_i64().unwrap();
        let expected = json!({
            "type": "dlr", "messageId": answer["message_id"], "status": word, "statusCode": code,
            "timestamp": timestamp
        });
        assert_eq!(report, expected);
        assert!(timestamp > 1_700_000_000 && timestamp < 100_000_000_000, "seconds");
    }
    let stats = host.stats_when("both delivered", |stats| stats["webhooks"]["delivered"] == 2).await;
    assert_eq!(stats["webhooks"]["pending"], 0);
    let first = &stats["deliveries"][0];
    let names: BTreeSet<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["at", "attempt", "gateway", "kind", "message_id", "status", "status_code", "url_index"];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(
        (&first["kind"], &first["status"], &first["attempt"]),
        (&json!("report"), &json!(200), &json!(1))
    );
    assert!(!stats.to_string().contains("s3cret"), "the address is a secret");
}

#[tokio::test]
async fn the_senders_reference_comes_back_on_the_report() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    let form = [("to", PHONE), ("body", "hi"), ("messageId", "evt_42")];
    let answer: Value = host.connexus("/sms/out", &form).await.unwrap().json().await.unwrap();
    assert_ne!(answer["message_id"], "evt_42");
    assert_eq!(receiver.next().await.json()["messageId"], "evt_42");
}

#[tokio::test]
async fn a_connexus_reply_has_the_documented_shape() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    let body =
        json!({"from": PHONE, "to": "552", "text": "Ja", "gateway": "connexus", "timestamp": 1_234_567_890});
    let answer: Value = host.post("/sandbox/reply", &body).await.json().await.unwrap();
    assert_eq!(answer["gateway"], "connexus");
    assert!(answer["message_id"].as_str().unwrap().starts_with("MO"));
    let hook = receiver.next().await;
    let expected = json!({
        "type": "mo", "messageId": answer["message_id"], "from": format!("+{PHONE}"), "to": "552", "body": "Ja",
        "timestamp": 1_234_567_890
    });
    assert_eq!(hook.json(), expected);
}

#[tokio::test]
async fn a_mobile_api_connect_reply_is_signed_over_its_bytes() {
    let host = host_with(Settings { mac_secret: "whsec_täst".into(), ..quick() }).await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    let answer = host.reply("Größe 42 \"€\"", "mobile-api-connect").await;
    assert_eq!(answer["gateway"], "mobile-api-connect");
    let hook = receiver.next().await;
    assert_eq!(hook.path, "/hooks/mac");
    assert!(signed_with(&hook, "whsec_täst"));
    assert!(!signed_with(&hook, "whsec_sandbox"));
    let body = hook.json();
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = [
        "event",
        "from",
        "to",
        "text",
        "ref",
        "receivedAt",
        "deviceId",
        "tenantId",
        "tenantName",
        "matchedRuleId",
    ];
    assert_eq!(names, documented, "and no message id");
    assert_eq!((&body["event"], &body["from"]), (&json!("message.received"), &json!(PHONE)));
    assert_eq!((&body["text"], &body["ref"]), (&json!("Größe 42 \"€\""), &Value::Null));
}

#[tokio::test]
async fn a_reply_goes_back_the_way_the_last_text_came() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    host.message(&json!({"to": format!("+{PHONE}"), "text": "Questions?"})).await.unwrap();
    let answer = host.post("/sandbox/reply", &json!({"from": PHONE, "text": "None"})).await;
    assert_eq!(answer.json::<Value>().await.unwrap()["gateway"], "mobile-api-connect");
    assert_eq!(receiver.next().await.json()["to"], "911234500000");
}

#[tokio::test]
async fn a_failing_webhook_is_retried_in_turn_over_the_addresses() {
    let host = host_with(quick()).await;
    let mut first = Receiver::start(&[500, 503]).await;
    let mut second = Receiver::start(&[404]).await;
    let webhooks =
        Webhooks { connexus: Some(vec![first.url("/a"), second.url("/b")]), ..Webhooks::default() };
    host.sandbox.set_webhooks(&webhooks).unwrap();
    host.reply("hello", "connexus").await;
    let hooks = [first.next().await, second.next().await, first.next().await];
    assert!(hooks.iter().all(|hook| hook.body == hooks[0].body), "the same bytes every time");
    let stats = host.stats_when("given up", |stats| stats["webhooks"]["failed"] == 1).await;
    let seen: Vec<_> = stats["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["attempt"].clone(), d["url_index"].clone(), d["status"].clone()))
        .collect();
    let expected = [(1, 0, 500), (2, 1, 404), (3, 0, 503)].map(|(a, u, s)| (json!(a), json!(u), json!(s)));
    assert_eq!(seen, expected);
    assert!(first.nothing_more() && second.nothing_more());
}

#[tokio::test]
async fn a_retry_that_is_answered_ends_the_retries() {
    let host = host_with(quick()).await;
    let mut receiver = Receiver::start(&[503]).await;
    receiver.attach(&host);
    host.reply("hello", "mobile-api-connect").await;
    let (one, two) = (receiver.next().await, receiver.next().await);
    assert_eq!((one.signature(), &one.body), (two.signature(), &two.body));
    let stats = host.stats_when("delivered", |stats| stats["webhooks"]["delivered"] == 1).await;
    assert_eq!((&stats["webhooks"]["attempts"], &stats["webhooks"]["failed"]), (&json!(2), &json!(0)));
}

#[tokio::test]
async fn connexus_wants_200_and_nothing_else() {
    let host = host_with(quick()).await;
    let mut receiver = Receiver::start(&[202, 302, 200]).await;
    receiver.attach(&host);
    host.reply("hello", "connexus").await;
    for _ in 0..3 {
        receiver.next().await;
    }
    host.stats_when("delivered", |stats| stats["webhooks"]["delivered"] == 1).await;
}

#[tokio::test]
async fn an_address_that_hangs_or_is_closed_is_told_apart() {
    let host = host_with(Settings {
        webhook_timeout: Duration::from_millis(200),
        retry_delays: Vec::new(),
        ..Settings::default()
    })
    .await;
    // Accepted by the kernel, never by anybody.
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, error) in [(hanging.local_addr().unwrap(), "timeout"), (closed, "connect")] {
        let webhooks = json!({"connexus": [format!("http://{address}/hooks")]});
        assert_eq!(host.post("/sandbox/webhooks", &webhooks).await.status(), 200);
        host.reply("hello", "connexus").await;
        host.stats_when(error, |stats| {
            let deliveries = stats["deliveries"].as_array().unwrap();
            deliveries.last().is_some_and(|last| last["error"] == error && last.get("status").is_none())
        })
        .await;
    }
}

#[tokio::test]
async fn duplicates_and_reordered_reports() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    host.fault(json!({"kind": "duplicate", "on": "webhook", "times": 1})).await;
    host.fault(json!({"kind": "reorder", "times": 1})).await;
    host.otp().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(receiver.next().await.json()["statusCode"].as_i64().unwrap());
    }
    assert_eq!(seen, [1, 1, 8, 8]);
    host.otp().await.unwrap();
    let stats = host.stats_when("the next text is as usual", |s| s["webhooks"]["delivered"] == 6).await;
    assert_eq!(codes(&stats), [1, 1, 8, 8, 8, 1]);
}

#[tokio::test]
async fn a_reordered_reply_is_overtaken_by_the_next() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    host.fault(json!({"kind": "reorder", "times": 1, "delay_ms": 60_000})).await;
    host.reply("first", "connexus").await;
    host.stats_when("held", |stats| stats["webhooks"]["pending"] == 1).await;
    host.reply("second", "connexus").await;
    assert_eq!(receiver.next().await.json()["body"], "second");
    assert_eq!(receiver.next().await.json()["body"], "first");
}

#[tokio::test]
async fn a_late_webhook_comes_in_the_end() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    host.fault(json!({"kind": "late", "times": 1, "delay_ms": 100, "gateway": "connexus"})).await;
    host.reply("late", "connexus").await;
    host.reply("punctual", "mobile-api-connect").await;
    assert_eq!(receiver.next().await.json()["text"], "punctual");
    assert_eq!(receiver.next().await.json()["body"], "late");
}

#[tokio::test]
async fn a_forged_webhook_has_no_right_secret_and_is_not_retried() {
    let host = host_with(quick()).await;
    let mut receiver = Receiver::start(&[401, 404]).await;
    receiver.attach(&host);
    host.fault(json!({"kind": "forge", "times": 2})).await;
    host.reply("forged", "mobile-api-connect").await;
    let hook = receiver.next().await;
    assert_eq!(hook.signature().unwrap().len(), "sha256=".len() + 64);
    assert!(!signed_with(&hook, "whsec_sandbox"));
    host.reply("forged", "connexus").await;
    let hook = receiver.next().await;
    assert!(hook.path.starts_with("/hooks/websms/") && !hook.path.contains("s3cret"), "{}", hook.path);
    let stats = host.stats_when("both tried", |stats| stats["webhooks"]["forged"] == 2).await;
    assert_eq!(stats["webhooks"]["attempts"], 2);
    assert_eq!(
        (&stats["deliveries"][0]["forged"], &stats["deliveries"][0]["status"]),
        (&json!(true), &json!(401))
    );
    host.reply("genuine", "mobile-api-connect").await;
    assert!(signed_with(&receiver.next().await, "whsec_sandbox"));
}

#[tokio::test]
async fn variants_met_in_practice_and_other_final_reports() {
    let host = host().await;
    let mut receiver = Receiver::start(&[]).await;
    receiver.attach(&host);
    host.fault(json!({"kind": "as_seen", "on": "webhook", "times": 1})).await;
    host.reply("hello", "connexus").await;
    let reply = receiver.next().await.json();
    assert_eq!((&reply["type"], &reply["from"]), (&json!("SMS"), &json!(PHONE)));
    assert!(reply["encoding"].is_string() && reply["network"].is_string());
    for (code, word) in [(2, "UNDELIV"), (16, "UNDELIV"), (-1, "BLOCKED"), (99, "UNKNOWN")] {
        host.fault(json!({"kind": "undelivered", "times": 1, "status_code": code})).await;
        host.otp().await.unwrap();
        assert_eq!(receiver.next().await.json()["statusCode"], 8);
        let last = receiver.next().await.json();
        assert_eq!((&last["statusCode"], &last["status"]), (&json!(code), &json!(word)));
    }
}

#[tokio::test]
async fn retries_of_one_event_do_not_hold_back_the_next() {
    let slow = Settings { retry_delays: vec![Duration::from_secs(600)], ..Settings::default() };
    let host = host_with(slow).await;
    let mut receiver = Receiver::start(&[500]).await;
    receiver.attach(&host);
    host.otp().await.unwrap();
    assert_eq!(receiver.next().await.json()["statusCode"], 8);
    assert_eq!(receiver.next().await.json()["statusCode"], 1);
    host.stats_when("one waits", |stats| stats["webhooks"]["pending"] == 1).await;
}
