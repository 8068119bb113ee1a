//! Scheme `path-secret`: the last path segment is a secret, for gateways that sign nothing.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    endpoint::Held,
    settings::{EndpointError, SecretEntry},
    verify::{Match, Refused, first_match},
};

/// 128 bits, six to a character.
const MIN_CHARS: usize = 22;

/// The digest of a path secret: what is compared has one length whatever was given, and the comparison
/// takes the same time wherever the two differ.
pub(super) struct PathSecret([u8; 32]);

impl PathSecret {
    pub(super) fn new(entry: &SecretEntry) -> Result<Self, EndpointError> {
        let text = entry.value.expose_secret();
        let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if text.len() < MIN_CHARS || !text.bytes().all(url_safe) {
            return Err(EndpointError::WeakPathSecret(entry.id.clone()));
        }
        Ok(Self(Sha256::digest(text).into()))
    }
}

/// The id of the secret that was given.
pub(super) fn verify<'a>(
    secrets: &'a [Held<PathSecret>],
    given: &str,
    now: Timestamp,
) -> Result<&'a str, Refused> {
    let given: [u8; 32] = Sha256::digest(given).into();
    match first_match(secrets, now, |secret| secret.0.ct_eq(&given).into()) {
        Match::Live(id) => Ok(id),
        Match::Expired => Err(Refused::ExpiredPathSecret),
        Match::None => Err(Refused::WrongPathSecret),
    }
}
