//! The shared vector file, for the schemes that are here.
//!
//! Out of scope are seven of its 52 vectors, of schemes that are not: asymmetric keys (`v1a`), `twilio`, `hook0`, and
//! a timestamp that follows the body.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{
    super::{
        Authentication, Dialect, Endpoint, EndpointError, EndpointSettings, HmacBody, KeyEncoding,
        NotUnderstood, Refused, Request, Understood,
    },
    at, build, entry,
};

const FILE: &str = include_str!("../../../tests/vectors/signatures.json");

pub(super) fn vectors(scheme: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    vectors.iter().filter(|vector| vector["scheme"] == scheme).cloned().collect()
}

fn endpoint(vector: &Value, prefix: &str, key_encoding: KeyEncoding) -> Endpoint {
    let header = HeaderName::from_static("x-signature");
    let scheme = Authentication::HmacBody(HmacBody { header, prefix: prefix.into(), key_encoding });
    build(Dialect::Connexus, scheme, vec![entry("a", vector["secret"].as_str().unwrap(), None)])
}

fn outcome(vector: &Value, endpoint: &Endpoint) -> Result<Understood, Refused> {
    let body = BASE64.decode(vector["body_b64"].as_str().unwrap().as_bytes()).unwrap();
    let now = at(vector["now"].as_i64().unwrap_or(1_234_567_890));
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"].as_object().unwrap() {
        let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    let request = Request { headers: &headers, path_secret: None, peer: None, body: &body };
    endpoint.verify(&request, now).map(|verified| verified.understand(now))
}

/// A scheme's vectors, each at its own time.
fn assert_answered(scheme: &str, count: usize, authentication: &Authentication) {
    let vectors = vectors(scheme);
    assert_eq!(vectors.len(), count, "{scheme}");
    for vector in &vectors {
        let id = vector["id"].as_str().unwrap();
        let endpoint = Endpoint::new(EndpointSettings {
            name: "hook".into(),
            tenant: "default".into(),
            dialect: Dialect::Connexus,
            authentication: authentication.clone(),
            secrets: vec![entry("a", vector["secret"].as_str().unwrap(), None)],
            addresses: None,
        });
        let answer = endpoint.map(|endpoint| outcome(vector, &endpoint));
        match (vector["expect"].as_str().unwrap(), answer) {
            ("accept", Ok(Ok(_))) => {}
            ("config_error:empty_secret", Err(EndpointError::EmptySecret(_))) => {}
            (reject, Ok(Err(refused))) => {
                assert_eq!(Some(refused.as_str()), reject.strip_prefix("reject:"), "{id}");
            }
            (expected, other) => panic!("{id}: {expected}, not {other:?}"),
        }
    }
}

#[test]
fn every_standard_webhooks_vector_is_answered_as_it_says() {
    assert_answered("standard-webhooks", 13, &Authentication::StandardWebhooks {});
}

#[test]
fn every_github_vector_is_answered_as_it_says() {
    assert_answered("github", 6, &Authentication::Github {});
}

#[test]
fn every_stripe_vector_is_answered_as_it_says() {
    assert_answered("stripe", 6, &Authentication::Stripe {});
}

#[test]
fn every_slack_vector_is_answered_as_it_says() {
    assert_answered("slack", 3, &Authentication::Slack {});
}

#[test]
fn every_hmac_body_vector_is_answered_as_it_says() {
    let vectors = vectors("hmac-sha256-hex-raw-body");
    assert_eq!(vectors.len(), 17);
    for vector in &vectors {
        let id = vector["id"].as_str().unwrap();
        let plain = outcome(vector, &endpoint(vector, "", KeyEncoding::Utf8));
        let with = |prefix, encoding| outcome(vector, &endpoint(vector, prefix, encoding));
        match vector["expect"].as_str().unwrap() {
            "accept" => assert!(plain.is_ok(), "{id}"),
            "accept_signature_then_reject:empty_body" => {
                let Ok(Understood::Quarantine { reason, .. }) = plain else { panic!("{id}") };
                assert_eq!(reason, NotUnderstood::EmptyBody, "{id}");
            }
            "accept_only_if_prefix_configured" => {
                assert_eq!(plain, Err(Refused::MalformedHeader), "{id}");
                assert!(with("sha256=", KeyEncoding::Utf8).is_ok(), "{id}");
            }
            "accept_only_if_key_encoding=utf8_stripped" => {
                assert_eq!(plain, Err(Refused::SignatureMismatch), "{id}");
                assert!(with("", KeyEncoding::Utf8Stripped).is_ok(), "{id}");
            }
            "accept_only_if_key_encoding=base64" => {
                assert_eq!(plain, Err(Refused::SignatureMismatch), "{id}");
                assert!(with("", KeyEncoding::Base64).is_ok(), "{id}");
            }
            reject => {
                let reason = plain.unwrap_err().as_str();
                assert_eq!(Some(reason), reject.strip_prefix("reject:"), "{id}");
            }
        }
    }
}

#[test]
fn what_the_signed_vectors_say_is_understood() {
    let vectors = vectors("hmac-sha256-hex-raw-body");
    let understood = |id: &str| {
        let vector = vectors.iter().find(|vector| vector["id"] == id).unwrap();
        outcome(vector, &endpoint(vector, "", KeyEncoding::Utf8)).unwrap()
    };
    let event_id = |id: &str| match understood(id) {
        Understood::Event { event, .. } => event.id,
        other => panic!("{id}: {other:?}"),
    };
    // Blanks are signed, but change nothing of what is said; a second report of one message is another.
    assert_eq!(event_id("mm-01-mo"), event_id("mm-03-pretty-printed-lf"));
    assert_eq!(event_id("mm-01-mo"), event_id("mm-04-crlf"));
    assert_ne!(event_id("mm-01-mo"), event_id("mm-05-macrons-utf8"));
    assert_ne!(event_id("mm-02-dlr"), event_id("mm-20-same-id-other-status"));
    for (id, label) in [("mm-08-duplicate-keys", "duplicate_key"), ("mm-22-unknown-type", "unknown_type")] {
        let Understood::Quarantine { reason, .. } = understood(id) else { panic!("{id}") };
        assert_eq!(reason.as_str(), label, "{id}");
    }
}
