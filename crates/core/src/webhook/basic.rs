//! Scheme `basic`: user and password as of RFC 7617, for gateways that sign nothing. The password is the
//! secret; the user is a setting.

use data_encoding::BASE64;
use http::{HeaderMap, header::AUTHORIZATION};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    endpoint::Held,
    headers::sole,
    refused::Refused,
    settings::{EndpointError, SecretEntry},
    shared_secret::{SharedSecret, find, is_strong_in_a_header},
    verify::Match,
};

/// The longest user, in characters.
const MAX_USER_CHARS: usize = 64;

/// `Basic` and the blank after it; the name of the scheme is read in any case (RFC 9110, section 11.1).
const SCHEME: &[u8] = b"basic ";

/// Whom the gateway is configured to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Basic {
    /// The user; `textproof`.
    pub user: String,
}

impl Default for Basic {
    fn default() -> Self {
        Self { user: "textproof".to_owned() }
    }
}

impl Basic {
    pub(super) fn check(&self) -> Result<(), EndpointError> {
        // A colon would end the user (RFC 7617, section 2).
        let visible = self.user.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        if visible && (1..=MAX_USER_CHARS).contains(&self.user.len()) {
            Ok(())
        } else {
            Err(EndpointError::User)
        }
    }

    /// User and password are compared as one text: neither can be guessed apart.
    pub(super) fn secret(&self, entry: &SecretEntry) -> Result<SharedSecret, EndpointError> {
        let password = entry.value.expose_secret();
        if !is_strong_in_a_header(password) {
            return Err(EndpointError::WeakSecret(entry.id.clone()));
        }
        Ok(SharedSecret::of(&[self.user.as_bytes(), b":", password.as_bytes()]))
    }
}

pub(super) fn verify<'k>(
    secrets: &'k [Held<SharedSecret>],
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<&'k Held<SharedSecret>, Refused> {
    let given = credentials(sole(headers, &AUTHORIZATION)?).ok_or(Refused::MalformedHeader)?;
    match find(secrets, &given, now) {
        Match::Live(held) => Ok(held),
        Match::Expired => Err(Refused::ExpiredSecret),
        Match::None => Err(Refused::WrongSecret),
    }
}

fn credentials(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, base64) = value.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    BASE64.decode(base64).ok().map(Zeroizing::new)
}
