//! The shared vector file over HTTP: what unit tests say of the bytes must hold behind a real socket.

use data_encoding::BASE64;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use test_support::{Process, TestRedis};

use crate::fixture::{EVENTS, QUARANTINE, World, http};

const FILE: &str = include_str!("../../../../crates/core/tests/vectors/signatures.json");
const SCHEME: &str = "hmac-sha256-hex-raw-body";
/// Authentic, kept, and nothing that a worker can act on.
const NOT_UNDERSTOOD: [&str; 3] = ["mm-08-duplicate-keys", "mm-09-empty-body", "mm-22-unknown-type"];
/// Endpoint, prefix and key encoding.
const ENDPOINTS: [(&str, &str, &str); 4] = [
    ("plain", "", "utf8"),
    ("prefixed", "sha256=", "utf8"),
    ("stripped", "", "utf8-stripped"),
    ("decoded", "", "base64"),
];

#[tokio::test]
async fn every_signature_vector_is_answered_over_http_as_it_says() {
    let file: Value = serde_json::from_str(FILE).expect("JSON");
    let vectors = file["vectors"].as_array().expect("a list of vectors");
    let vectors: Vec<_> = vectors.iter().filter(|vector| vector["scheme"] == SCHEME).collect();
    assert_eq!(vectors.len(), 17);
    let secret = text(vectors[0], "secret");
    assert!(vectors.iter().all(|vector| text(vector, "secret") == secret));

    let world = World::on(TestRedis::start().await, &endpoints(secret));
    let ingest = world.binary("webhook-ingest").listen().await;
    for vector in vectors {
        let id = text(vector, "id");
        let expect = text(vector, "expect");
        let accepting: &[&str] = match expect {
            // Nothing but the secret as it stands makes these signatures.
            "accept" | "accept_signature_then_reject:empty_body" => &["plain"],
            "accept_only_if_prefix_configured" => &["prefixed"],
            "accept_only_if_key_encoding=utf8_stripped" => &["stripped"],
            "accept_only_if_key_encoding=base64" => &["decoded"],
            refused => {
                assert!(refused.starts_with("reject:"), "{id}: {refused}");
                &[]
            }
        };
        for (endpoint, ..) in ENDPOINTS {
            let before = stored(&world).await;
            let (status, body) = post(&ingest, endpoint, vector).await;
            let expected = if accepting.contains(&endpoint) { 200 } else { 401 };
            assert_eq!(status, expected, "{id} at {endpoint}");
            assert_eq!(body.is_empty(), status == 401, "{id} at {endpoint}");
            let after = stored(&world).await;
            if status == 401 {
                assert_eq!(after, before, "{id} at {endpoint}");
            } else if NOT_UNDERSTOOD.contains(&id) {
                assert_eq!(after, (before.0, before.1 + 1), "{id} at {endpoint}");
            }
        }
    }
    // mm-01, its two other layouts and its other hex case are one reply at `plain`, the macrons another;
    // two reports of one message; one reply each at the three other endpoints.
    assert_eq!(stored(&world).await, (1 + 1 + 2 + 3, 3));
}

async fn stored(world: &World) -> (usize, usize) {
    (world.depth(EVENTS).await, world.depth(QUARANTINE).await)
}

async fn post(ingest: &Process, endpoint: &str, vector: &Value) -> (u16, Vec<u8>) {
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"].as_object().expect("headers") {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_str(value.as_str().expect("text")).expect("a header value");
        headers.append(name, value);
    }
    let body = BASE64.decode(text(vector, "body_b64").as_bytes()).expect("base64");
    let url = format!("{}/hooks/{endpoint}", ingest.url());
    let answer = http().post(url).headers(headers).body(body).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.bytes().await.expect("a whole answer").to_vec())
}

fn endpoints(secret: &str) -> String {
    let endpoint = |(name, prefix, encoding): (&str, &str, &str)| {
        format!(
            "\n[[endpoint]]\nname = \"{name}\"\ndialect = \"connexus\"\n\
             auth = {{ scheme = \"hmac-body\", header = \"X-Signature\", prefix = \"{prefix}\", \
             key_encoding = \"{encoding}\" }}\nsecrets = [{{ id = \"a\", value = \"{secret}\" }}]\n"
        )
    };
    ENDPOINTS.map(endpoint).concat()
}

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().unwrap_or_else(|| panic!("{vector} has no {key}"))
}
