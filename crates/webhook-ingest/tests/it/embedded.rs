//! Verification inside somebody else's server: as an extractor and as a layer, the same answers.

use std::{io, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, StatusCode},
    routing::post,
};
use data_encoding::HEXLOWER;
use futures_util::stream;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use textproof::webhook::{Authentication, Dialect, Endpoint, EndpointSettings, HmacBody, SecretEntry};
use tower::ServiceExt;
use webhook_ingest::{ReadLimits, VerifiedWebhook, Verifier, VerifyLayer};

const SIGNING_SECRET: &str = "whsec_0123456789abcdef";
const PATH_SECRET: &str = "path-secret-0123456789";
const REPLY: &str =
    r#"{"type":"mo","messageId":"A","from":"+64211234567","to":"552","body":"HELLO","timestamp":1700000000}"#;

fn endpoint(authentication: Authentication, secret: &str) -> Endpoint {
    let secret = SecretEntry { id: "2026-11".into(), value: secret.into(), not_after: None };
    let settings = EndpointSettings {
        name: "gateway".into(),
        tenant: "default".into(),
        dialect: Dialect::Connexus,
        authentication,
        secrets: vec![secret],
        addresses: None,
    };
    Endpoint::new(settings).unwrap()
}

fn signed() -> Endpoint {
    endpoint(Authentication::HmacBody(HmacBody::default()), SIGNING_SECRET)
}

fn in_the_path() -> Endpoint {
    endpoint(Authentication::PathSecret {}, PATH_SECRET)
}

/// What a handler says of a webhook that reached it.
fn told(webhook: &VerifiedWebhook) -> String {
    let said = webhook.event().map_or_else(|reason| reason.to_string(), |event| event.id.to_string());
    format!("{} {} {said}", webhook.endpoint(), webhook.secret_id())
}

/// The same endpoint behind the extractor, and behind the layer.
fn routers(endpoint: fn() -> Endpoint, limits: ReadLimits) -> [Router; 2] {
    let extracted = async |webhook: VerifiedWebhook| told(&webhook);
    let layered = async |webhook: Extension<VerifiedWebhook>, body: Bytes| {
        assert_eq!(webhook.body(), &body);
        told(&webhook)
    };
    let (extractor, layer) = (Verifier::new(endpoint(), limits), Verifier::new(endpoint(), limits));
    let extracted = Router::new().route("/sms", post(extracted)).route("/sms/{secret}", post(extracted));
    let layered = Router::new().route("/sms", post(layered)).route("/sms/{secret}", post(layered));
    [extracted.with_state(extractor), layered.layer(VerifyLayer::new(layer))]
}

fn request(path: &str, signature: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header("X-MAC-Signature", signature);
    request.body(body.into()).unwrap()
}

fn signature(body: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(SIGNING_SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

async fn answer(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1024).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_genuine_webhook_reaches_the_handler_with_its_event_and_its_bytes() {
    for router in routers(signed, ReadLimits::default()) {
        let (status, first) = answer(&router, request("/sms", &signature(REPLY), REPLY)).await;
        assert_eq!(status, 200);
        assert!(first.starts_with("gateway 2026-11 evt_"), "{first}");
        let (_, second) = answer(&router, request("/sms", &signature(REPLY), REPLY)).await;
        assert_eq!(second, first, "a copy is the same event");
        // The gateway's own, though it says nothing that we know.
        let odd = r#"{"type":"survey"}"#;
        let (status, said) = answer(&router, request("/sms", &signature(odd), odd)).await;
        assert_eq!(status, 200);
        assert!(said.starts_with("gateway 2026-11 ") && !said.contains("evt_"), "{said}");
    }
}

#[tokio::test]
async fn what_is_not_genuine_is_answered_with_an_empty_401_and_reaches_no_handler() {
    let other = REPLY.replace("HELLO", "STOP");
    for router in routers(signed, ReadLimits::default()) {
        for (signature, body) in [
            (signature(&other), REPLY),
            (signature(REPLY), other.as_str()),
            (String::new(), REPLY),
            ("sha256=".to_owned(), REPLY),
        ] {
            let answer = answer(&router, request("/sms", &signature, body.to_owned())).await;
            assert_eq!(answer, (StatusCode::UNAUTHORIZED, String::new()), "{signature}");
        }
        // This endpoint has no secret in its path, and what looks like one is not taken for it.
        assert_eq!(answer(&router, request("/sms/x", "", REPLY)).await.0, 401);
    }
}

#[tokio::test]
async fn a_secret_in_the_path_is_its_last_segment_and_a_wrong_one_is_not_found() {
    for router in routers(in_the_path, ReadLimits::default()) {
        let right = answer(&router, request(&format!("/sms/{PATH_SECRET}"), "", REPLY)).await;
        assert_eq!(right.0, 200, "{}", right.1);
        for path in ["/sms".to_owned(), format!("/sms/{PATH_SECRET}x"), "/sms/wrong".to_owned()] {
            let answer = answer(&router, request(&path, "", REPLY)).await;
            assert_eq!(answer, (StatusCode::NOT_FOUND, String::new()), "{path}");
        }
        let nonsense = answer(&router, request(&format!("/sms/{PATH_SECRET}"), "", "not JSON")).await;
        assert_eq!(nonsense, (StatusCode::BAD_REQUEST, String::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_bounded_in_bytes_and_in_time() {
    let limits = ReadLimits { body_limit: REPLY.len(), ..ReadLimits::default() };
    for router in routers(signed, limits) {
        assert_eq!(answer(&router, request("/sms", &signature(REPLY), REPLY)).await.0, 200);
        let longer = format!("{REPLY} ");
        let refused = answer(&router, request("/sms", &signature(&longer), longer)).await;
        assert_eq!(refused, (StatusCode::PAYLOAD_TOO_LARGE, String::new()));
        let never = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let refused = answer(&router, request("/sms", &signature(REPLY), never)).await;
        assert_eq!(refused, (StatusCode::REQUEST_TIMEOUT, String::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_in_the_hands_of_a_handler_counts_until_it_is_dropped() {
    let limits =
        ReadLimits { concurrency: 1, queue_deadline: Duration::from_millis(10), ..ReadLimits::default() };
    let verifier = Verifier::new(signed(), limits);
    let first = verifier.verify(request("/sms", &signature(REPLY), REPLY)).await.unwrap();
    let copy = first.clone();
    drop(first);
    let refused = verifier.verify(request("/sms", &signature(REPLY), REPLY)).await.unwrap_err();
    assert_eq!(refused.as_str(), "not_stored");
    drop(copy);
    assert!(verifier.verify(request("/sms", &signature(REPLY), REPLY)).await.is_ok());
}
