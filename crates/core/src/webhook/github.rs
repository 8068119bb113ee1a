//! Scheme `github`: HMAC-SHA-256 over the raw body, as `X-Hub-Signature-256: sha256=HEX`.
//!
//! The older `X-Hub-Signature` with SHA-1 is not looked at.

use http::{HeaderMap, HeaderName};

use super::{claim::Claim, hmac_body, refused::Refused};

pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

pub(super) fn claim(headers: &HeaderMap) -> Result<Claim<'_>, Refused> {
    hmac_body::claim(headers, &SIGNATURE, b"sha256=")
}
