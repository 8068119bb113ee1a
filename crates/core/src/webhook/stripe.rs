//! Scheme `stripe`: HMAC-SHA-256 over `timestamp.body`, as `Stripe-Signature: t=SECONDS,v1=HEX,v1=HEX`.

use http::{HeaderMap, HeaderName};

use super::{
    claim::{Claim, offered},
    headers::{hex_mac, seconds, sole},
    refused::Refused,
};

pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// Only `v1` counts: `v0` is a weaker scheme beside it.
pub(super) fn claim(headers: &HeaderMap) -> Result<Claim<'_>, Refused> {
    let list = sole(headers, &SIGNATURE)?;
    let entries = || list.split(|b| *b == b',');
    let mut timestamps = entries().filter_map(|entry| entry.strip_prefix(b"t="));
    let (Some(timestamp), None) = (timestamps.next(), timestamps.next()) else {
        return Err(Refused::MalformedHeader);
    };
    let signed_at = seconds(timestamp).ok_or(Refused::MalformedHeader)?;
    Ok(Claim {
        before_body: [timestamp, b".", b"", b""],
        offered: offered(entries().map(|entry| entry.strip_prefix(b"v1=").and_then(hex_mac)))?,
        signed_at: Some(signed_at),
        message_id: None,
    })
}
