//! Scheme `path-secret`: the last path segment is a secret, for gateways that sign nothing.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::{
    endpoint::Held,
    refused::Refused,
    settings::{EndpointError, SecretEntry},
    shared_secret::{MIN_CHARS, SharedSecret, find},
    verify::Match,
};

pub(super) fn secret(entry: &SecretEntry) -> Result<SharedSecret, EndpointError> {
    let text = entry.value.expose_secret();
    let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if text.len() < MIN_CHARS || !text.bytes().all(url_safe) {
        return Err(EndpointError::WeakPathSecret(entry.id.clone()));
    }
    Ok(SharedSecret::of(&[text.as_bytes()]))
}

/// The secret that was given in the path.
pub(super) fn verify<'k>(
    secrets: &'k [Held<SharedSecret>],
    given: Option<&str>,
    now: Timestamp,
) -> Result<&'k Held<SharedSecret>, Refused> {
    let given = given.ok_or(Refused::MissingPathSecret)?;
    match find(secrets, given.as_bytes(), now) {
        Match::Live(held) => Ok(held),
        Match::Expired => Err(Refused::ExpiredPathSecret),
        Match::None => Err(Refused::WrongPathSecret),
    }
}
