//! The shared vector file over HTTP: what unit tests say of the bytes must hold behind a real socket.

use data_encoding::BASE64;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use test_support::{Process, TestRedis};

use crate::fixture::{EVENTS, QUARANTINE, World, http};

mod resigned;

const FILE: &str = include_str!("../../../../crates/core/tests/vectors/signatures.json");
const HMAC_BODY: &str = "hmac-sha256-hex-raw-body";
/// The scheme's name in the file and here.
const SCHEMES: [&str; 4] = ["standard-webhooks", "github", "stripe", "slack"];
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
    let vectors = vectors(HMAC_BODY);
    assert_eq!(vectors.len(), 17);
    let secret = text(&vectors[0], "secret");
    assert!(vectors.iter().all(|vector| text(vector, "secret") == secret));

    let world = World::on(TestRedis::start().await, &endpoints(secret));
    let ingest = world.binary("webhook-ingest").listen().await;
    for vector in &vectors {
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
            let (status, body) = post(&ingest, endpoint, headers(vector), body(vector)).await;
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

/// As they are where no time is signed, else signed again at the present time; the file's own times are long over.
#[tokio::test]
async fn the_vectors_of_every_other_scheme_are_answered_over_http_as_they_say() {
    let vectors: Vec<_> = SCHEMES.iter().flat_map(|scheme| vectors(scheme)).collect();
    assert_eq!(vectors.len(), 28);
    let usable = || vectors.iter().filter(|vector| text(vector, "id") != "sw-14-empty-secret");
    let world = World::on(TestRedis::start().await, &usable().map(endpoint).collect::<String>());
    let ingest = world.binary("webhook-ingest").listen().await;
    let mut accepted = 0;
    for vector in usable() {
        let (id, scheme) = (text(vector, "id"), text(vector, "scheme"));
        let others: Vec<_> = vectors.iter().filter(|other| text(other, "scheme") == scheme).collect();
        let accept = text(vector, "expect") == "accept";
        // At its own time only what signs no time is right.
        let (status, _) = post(&ingest, id, headers(vector), body(vector)).await;
        assert_eq!(status, if accept && scheme == "github" { 200 } else { 401 }, "{id} as it is");
        if scheme != "github" {
            let headers = resigned::headers(vector, &others, headers(vector));
            let (status, answer) = post(&ingest, id, headers, body(vector)).await;
            assert_eq!(status, if accept { 200 } else { 401 }, "{id}");
            assert_eq!(answer.is_empty(), !accept, "{id}");
        }
        accepted += usize::from(accept);
        // No body says anything in the endpoint's dialect: what is authentic is kept apart.
        assert_eq!(stored(&world).await, (0, accepted), "{id}");
    }
    assert_eq!(accepted, 6 + 3 + 3 + 1);
}

#[tokio::test]
async fn a_secret_that_is_empty_once_decoded_refuses_to_start() {
    let vectors = vectors("standard-webhooks");
    let empty = vectors.iter().find(|vector| vector["expect"] == "config_error:empty_secret");
    let world = World::on(TestRedis::start().await, &endpoint(empty.expect("the vector")));
    let mut ingest = world.binary("webhook-ingest").spawn();
    assert_eq!(ingest.wait(crate::fixture::PATIENCE).await.code(), Some(64));
    assert!(ingest.wrote("the secret `a` is empty"), "{ingest}");
}

fn vectors(scheme: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(FILE).expect("JSON");
    let vectors = file["vectors"].as_array().expect("a list of vectors");
    vectors.iter().filter(|vector| vector["scheme"] == scheme).cloned().collect()
}

async fn stored(world: &World) -> (usize, usize) {
    (world.depth(EVENTS).await, world.depth(QUARANTINE).await)
}

fn headers(vector: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"].as_object().expect("headers") {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_str(value.as_str().expect("text")).expect("a header value");
        headers.append(name, value);
    }
    headers
}

fn body(vector: &Value) -> Vec<u8> {
    BASE64.decode(text(vector, "body_b64").as_bytes()).expect("base64")
}

async fn post(ingest: &Process, endpoint: &str, headers: HeaderMap, body: Vec<u8>) -> (u16, Vec<u8>) {
    let url = format!("{}/hooks/{endpoint}", ingest.url());
    let answer = http().post(url).headers(headers).body(body).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.bytes().await.expect("a whole answer").to_vec())
}

/// An endpoint of a vector's own, with its scheme and its secret.
fn endpoint(vector: &Value) -> String {
    let (id, scheme) = (text(vector, "id"), text(vector, "scheme"));
    format!(
        "\n[[endpoint]]\nname = \"{id}\"\ndialect = \"connexus\"\nauth = {{ scheme = \"{scheme}\" }}\n\
         secrets = [{{ id = \"a\", value = \"{}\" }}]\n",
        text(vector, "secret")
    )
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
