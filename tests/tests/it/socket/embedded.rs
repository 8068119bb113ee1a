//! `examples/embedded`: a server of somebody else's that verifies webhooks.

use serde_json::Value;

use crate::fixture::{PATIENCE, World, http, signature};

const REPLY: &str = r#"{"event":"message.received","messageId":"A","from":"+64211234567","to":"+64211110000","text":"HELLO","receivedAt":1700000000}"#;

#[tokio::test]
async fn the_example_takes_genuine_webhooks_and_no_others() {
    let world = World::start().await;
    let mut server = world.binary("embedded").args(["--bind", "127.0.0.1:0"]).listen().await;
    let post = async |path: &str, signature: &str| {
        let request = http().post(format!("{}{path}", server.url())).header("X-MAC-Signature", signature);
        let answer = request.body(REPLY).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a whole answer"))
    };
    let (status, said) = post("/sms", &signature(REPLY)).await;
    let said: Value = serde_json::from_str(&said).unwrap_or_default();
    assert_eq!((status, &said["kind"]), (200, &Value::from("reply")), "{said}");
    assert!(said["id"].as_str().is_some_and(|id| id.starts_with("evt_")), "{said}");
    let (status, said) = post("/audit", &signature(REPLY)).await;
    assert_eq!((status, said), (200, format!("{} bytes, signed under a\n", REPLY.len())));
    for path in ["/sms", "/audit"] {
        assert_eq!(post(path, &signature("another body")).await, (401, String::new()), "{path}");
    }
    assert_eq!(server.terminate(PATIENCE).await.code(), Some(0), "{server}");
}
