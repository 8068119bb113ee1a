//! What must not be told, in every spelling in which it might be.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

pub(super) const PEPPER: &str = "canary-pepper-of-more-than-32-bytes-Zq";
pub(super) const FINGERPRINT_KEY: &str = "canary-fingerprint-key-of-more-than-32-bytes";
pub(super) const CLIENT_SECRET: &str = "csk_canary_client_secret";
pub(super) const PATH_SECRET: &str = "canary-path-secret-0123456789";
pub(super) const SIGNING_SECRET: &str = "whsec_canary_signing_secret";
pub(super) const REDIS_PASSWORD: &str = "canaryredispassword";
/// What a phone texts back.
pub(super) const REPLY: &str = "canary reply: call me back";
/// A code of the caller's own, and a wrong guess: eight digits, so that no clock or counter looks like them.
pub(super) const OWN_CODE: &str = "90210417";
pub(super) const GUESS: &str = "73920184";

/// The application's own names, which stand in Redis as keyed fingerprints.
pub(super) const SESSION: &str = "canary-session-of-an-application";
pub(super) const IDEMPOTENCY_KEY: &str = "canary-idempotency-key";

/// One thing with all its spellings.
pub(super) struct Canary {
    pub(super) what: String,
    pub(super) spellings: Vec<String>,
}

impl Canary {
    /// Something that has one spelling.
    pub(super) fn new(what: &str, text: &str) -> Self {
        Self { what: what.to_owned(), spellings: vec![text.to_owned()] }
    }

    /// A phone of New Zealand in E.164. Without the calling code it stands in every compact spelling:
    /// `+64…`, `64…`, `0064…` and `0…`.
    pub(super) fn phone(e164: &str) -> Self {
        let national = e164.strip_prefix("+64").expect("a number of New Zealand");
        let (network, rest) = national.split_at(2);
        let (middle, end) = rest.split_at(3);
        Self {
            what: format!("the phone {e164}"),
            spellings: vec![
                national.to_owned(),
                format!("{network} {middle} {end}"),
                format!("{network}-{middle}-{end}"),
            ],
        }
    }

    /// A receipt: all of it, and its second half, which is of its MAC alone. Its id may be told.
    pub(super) fn receipt(receipt: &str) -> Self {
        let bytes = BASE64URL_NOPAD.decode(receipt.as_bytes()).expect("base64url");
        let (mac, half) = (&bytes[14..], &receipt[20..]);
        let spellings = vec![receipt.to_owned(), half.to_owned(), HEXLOWER.encode(mac), HEXUPPER.encode(mac)];
        Self { what: "a receipt".to_owned(), spellings }
    }

    /// Something that may be told in an encoding, too.
    fn key(what: &str, text: &str) -> Self {
        let bytes = text.as_bytes();
        let encodings = [BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER];
        let mut canary = Self::new(what, text);
        canary.spellings.extend(encodings.iter().map(|encoding| encoding.encode(bytes)));
        canary.spellings.push(format!("{bytes:?}"));
        canary
    }
}

/// Everything that is configured and must not be told.
pub(super) fn all() -> Vec<Canary> {
    vec![
        Canary::key("the pepper", PEPPER),
        Canary::key("the fingerprint key", FINGERPRINT_KEY),
        Canary::key("the path secret", PATH_SECRET),
        Canary::key("the signing secret", SIGNING_SECRET),
        Canary::key("the client secret", CLIENT_SECRET),
        Canary::key("a session", SESSION),
        Canary::key("an idempotency key", IDEMPOTENCY_KEY),
    ]
}

/// Every bearer token that passed over the wire.
pub(super) fn tokens(wire: &str) -> Vec<Canary> {
    let mut tokens: Vec<_> = wire
        .match_indices("wst_")
        .map(|(at, _)| {
            wire[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
        })
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert!(tokens.iter().all(|token| token.len() > 20), "whole tokens: {tokens:?}");
    tokens.into_iter().map(|token| Canary::new("a token", token)).collect()
}

pub(super) fn client_secret() -> Canary {
    Canary::new("the client secret", CLIENT_SECRET)
}

pub(super) fn redis_password() -> Canary {
    Canary::key("the Redis password", REDIS_PASSWORD)
}

/// As `TEXTPROOF_PEPPER` and `TEXTPROOF_FINGERPRINT_KEY` want it.
pub(super) fn base64(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}

/// Endpoints and binds of the servers.
pub(super) fn configuration() -> String {
    format!(
        r#"
[ingest]
bind = "127.0.0.1:0"
metrics_bind = "127.0.0.1:0"

[worker]
bind = "127.0.0.1:0"
metrics_bind = "127.0.0.1:0"

[[endpoint]]
name = "mac"
dialect = "mobile-api-connect"
auth = {{ scheme = "hmac-body" }}
secrets = [{{ id = "a", value = "{SIGNING_SECRET}" }}]

[[endpoint]]
name = "websms"
dialect = "connexus"
auth = {{ scheme = "path-secret" }}
secrets = [{{ id = "a", value = "{PATH_SECRET}" }}]
"#
    )
}
