//! Scheme `header-secret`: a header carries a secret, for gateways that sign nothing.

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{
    endpoint::Held,
    headers::{read_name, sole, write_name},
    hmac_body::MAX_PREFIX_CHARS,
    refused::Refused,
    settings::{EndpointError, SecretEntry},
    shared_secret::{SharedSecret, find, is_strong_in_a_header},
    verify::Match,
};

/// Where the secret stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderSecret {
    /// The header that carries the secret; `X-Webhook-Secret`.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub header: HeaderName,
    /// What stands before the secret, to the letter; empty. `Bearer ` (with its blank) for tokens.
    pub prefix: String,
}

impl Default for HeaderSecret {
    fn default() -> Self {
        Self { header: HeaderName::from_static("x-webhook-secret"), prefix: String::new() }
    }
}

impl HeaderSecret {
    pub(super) fn check(&self) -> Result<(), EndpointError> {
        let printable = self.prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        // A header's value never begins with a blank: servers take it off.
        let fits = self.prefix.len() <= MAX_PREFIX_CHARS && !self.prefix.starts_with(' ');
        if printable && fits { Ok(()) } else { Err(EndpointError::SecretPrefix) }
    }

    pub(super) fn verify<'k>(
        &self,
        secrets: &'k [Held<SharedSecret>],
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<&'k Held<SharedSecret>, Refused> {
        let value = sole(headers, &self.header)?;
        let given = value.strip_prefix(self.prefix.as_bytes()).ok_or(Refused::MalformedHeader)?;
        match find(secrets, given, now) {
            Match::Live(held) => Ok(held),
            Match::Expired => Err(Refused::ExpiredSecret),
            Match::None => Err(Refused::WrongSecret),
        }
    }
}

pub(super) fn secret(entry: &SecretEntry) -> Result<SharedSecret, EndpointError> {
    let text = entry.value.expose_secret();
    if !is_strong_in_a_header(text) {
        return Err(EndpointError::WeakSecret(entry.id.clone()));
    }
    Ok(SharedSecret::of(&[text.as_bytes()]))
}
