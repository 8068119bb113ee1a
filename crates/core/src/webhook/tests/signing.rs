//! What we sign, as receivers see it.

use data_encoding::BASE64;
use secrecy::SecretString;

use super::{
    super::{Authentication, Dialect, Request, SigningSecretError, WebhookSigner},
    at, build, entry,
    vectors::vectors,
};
use crate::event::{EventId, Identity};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn signer(secret: &str) -> Result<WebhookSigner, SigningSecretError> {
    WebhookSigner::new(&SecretString::from(secret))
}

#[test]
fn every_genuine_vector_is_signed_to_the_letter() {
    let mut signed = 0;
    for vector in vectors("standard-webhooks").iter().filter(|vector| vector["expect"] == "accept") {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let header = |name: &str| text(&vector["headers"][name]);
        let body = BASE64.decode(text(&vector["body_b64"]).as_bytes()).unwrap();
        let signer = signer(&text(&vector["secret"])).unwrap();
        let made = signer.signature(&header("webhook-id"), &header("webhook-timestamp"), &body);
        // One vector offers a list, in which ours is one.
        assert!(header("webhook-signature").split(' ').any(|offered| offered == made), "{}", vector["id"]);
        signed += 1;
    }
    assert!(signed >= 5, "{signed}");
}

#[test]
fn an_endpoint_of_ours_takes_what_we_sign() {
    let endpoint =
        build(Dialect::Generic, Authentication::StandardWebhooks {}, vec![entry("a", SECRET, None)]);
    let (id, body) = (EventId::of(&Identity::of_body("websms", b"x")), br#"{"type":"reply.received"}"#);
    let headers = signer(SECRET).unwrap().sign(&id, at(1_700_000_000), body);
    assert_eq!(headers.len(), 3);
    let verify = |body: &[u8], now| {
        let request = Request { headers: &headers, path_secret: None, peer: None, body };
        endpoint.verify(&request, at(now)).map(|verified| verified.message_id().map(str::to_owned))
    };
    assert_eq!(verify(body, 1_700_000_000), Ok(Some(id.to_string())));
    assert!(verify(br#"{"type":"reply.received" }"#, 1_700_000_000).is_err());
    assert!(verify(body, 1_700_000_301).is_err(), "the time of the attempt is signed");
}

#[test]
fn a_secret_that_cannot_sign_is_refused_and_not_shown() {
    for wrong in ["", "whsec_", "canary!", "whsec_canary!", "whsec_-_8", "whsec_YWI"] {
        assert_eq!(signer(wrong).err(), Some(SigningSecretError), "{wrong}");
    }
    assert!(!SigningSecretError.to_string().contains("canary"));
    let short = signer("whsec_c2hvcnQ=").unwrap();
    assert!(!short.has_advised_length() && signer(SECRET).unwrap().has_advised_length());
    assert_eq!(format!("{short:?}"), "WebhookSigner(hidden)");
}
