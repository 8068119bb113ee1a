//! Scheme `slack`: HMAC-SHA-256 over `v0:timestamp:body`, as `X-Slack-Signature: v0=HEX` beside
//! `X-Slack-Request-Timestamp`.

use http::{HeaderMap, HeaderName};

use super::{
    claim::Claim,
    headers::{once, seconds},
    hmac_body,
    refused::Refused,
};

const SIGNATURE: HeaderName = HeaderName::from_static("x-slack-signature");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-slack-request-timestamp");

/// All that it reads.
pub(super) const HEADERS: [HeaderName; 2] = [SIGNATURE, TIMESTAMP];

pub(super) fn claim(headers: &HeaderMap) -> Result<Claim<'_>, Refused> {
    let signature = hmac_body::claim(headers, &SIGNATURE, b"v0=")?;
    let timestamp = once(headers, &TIMESTAMP)?;
    let signed_at = seconds(timestamp).ok_or(Refused::MalformedHeader)?;
    Ok(Claim { before_body: [b"v0:", timestamp, b":", b""], signed_at: Some(signed_at), ..signature })
}
