//! `POST /v1/messages`, answers and errors.

use serde_json::{Value, json};

use crate::support::{PHONE, host};

#[tokio::test]
async fn a_message_is_queued_and_arrives() {
    let host = host().await;
    let body = json!({
        "to": format!("+{PHONE}"), "text": "Kia ora", "ref": "order-7",
        "callback": "https://app.example.com/hook", "channel": "sms"
    });
    let response = host.message(&body).await.unwrap();
    assert_eq!(response.status(), 202);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer.as_object().unwrap().len(), 3);
    assert!(answer["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(answer["status"], "queued");
    let created = answer["createdAt"].as_str().unwrap();
    assert!(created.len() == "2026-06-12T14:32:00.000Z".len() && created.ends_with('Z'), "{created}");

    let inbox = host.inbox(&format!("%2B{PHONE}")).await;
    assert_eq!(inbox[0]["text"], "Kia ora");
    assert_eq!(inbox[0]["gateway"], "mobile-api-connect");
    assert_eq!(inbox[0]["message_id"], answer["id"]);
    let stats = host.get("/sandbox/stats").await;
    assert_eq!(stats["sends"]["mobile_api_connect"]["messages"], 1);
}

#[tokio::test]
async fn every_documented_refusal_has_its_shape() {
    let host = host().await;
    let url = host.url("/v1/messages");
    let body = json!({"to": format!("+{PHONE}"), "text": "hi"});
    let refused = |response: reqwest::Response| async {
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    };

    let response = host.client.post(&url).json(&body).send().await.unwrap();
    assert_eq!(refused(response).await, (401, json!({"error": "unauthorized"})));
    let response = host.client.post(&url).bearer_auth("sk_live_other").json(&body).send().await.unwrap();
    assert_eq!(refused(response).await, (401, json!({"error": "invalid_api_key"})));
    let response = host.client.get(host.url("/v1/devices")).send().await.unwrap();
    assert_eq!(refused(response).await, (404, json!({"error": "not_found"})));

    for wrong in [json!({"to": PHONE, "text": "hi"}), json!({"to": "+6421234567"}), json!([])] {
        let (status, answer) = refused(host.message(&wrong).await.unwrap()).await;
        assert_eq!((status, &answer["error"]), (400, &json!("validation_error")));
        assert!(!answer["issues"].as_array().unwrap().is_empty());
    }
    let long = json!({"to": "+6421234567", "text": "a".repeat(1_601)});
    let (status, answer) = refused(host.message(&long).await.unwrap()).await;
    assert_eq!((status, &answer["issues"][0]["path"]), (400, &json!(["text"])));
    assert!(host.inbox(PHONE).await.is_empty());
}
