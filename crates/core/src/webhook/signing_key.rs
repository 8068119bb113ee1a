//! The keys of all schemes that sign: HMAC-SHA-256 (RFC 2104).

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::settings::{EndpointError, SecretEntry};

/// Length of a MAC in bytes: the output of SHA-256.
pub(super) const MAC_BYTES: usize = 32;

/// A MAC that a request offers, decoded and of exactly the right length.
pub(super) type OfferedMac = [u8; MAC_BYTES];

/// What shared webhook secrets are commonly written with.
const SECRET_PREFIX: &str = "whsec_";

/// How a secret's text becomes the HMAC key. A setting, never guessed: trying several would let the
/// weakest decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyEncoding {
    /// The text's bytes as they are, a leading `whsec_` included.
    #[default]
    Utf8,
    /// The text's bytes without a leading `whsec_`.
    Utf8Stripped,
    /// Standard base64 with padding (RFC 4648, section 4) after a leading `whsec_`.
    Base64,
}

impl KeyEncoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Utf8, Self::Utf8Stripped, Self::Base64];

    /// Its name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Utf8Stripped => "utf8-stripped",
            Self::Base64 => "base64",
        }
    }

    /// The key that a secret's text stands for.
    pub(super) fn key(self, entry: &SecretEntry) -> Result<SigningKey, EndpointError> {
        let text = entry.value.expose_secret();
        let stripped = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        let decoded;
        let key = match self {
            Self::Utf8 => text.as_bytes(),
            Self::Utf8Stripped => stripped.as_bytes(),
            Self::Base64 => {
                let bytes = BASE64.decode(stripped.as_bytes());
                decoded = Zeroizing::new(bytes.map_err(|_| EndpointError::NotBase64(entry.id.clone()))?);
                decoded.as_slice()
            }
        };
        if key.is_empty() {
            return Err(EndpointError::EmptySecret(entry.id.clone()));
        }
        Ok(SigningKey::new(key))
    }
}

/// A keyed HMAC that is cloned for each request, so that the key schedule is computed once.
pub(super) struct SigningKey {
    keyed: Hmac<Sha256>,
    /// Length of the key in bytes.
    pub(super) bytes: usize,
}

impl SigningKey {
    #[expect(clippy::expect_used, reason = "RFC 2104: HMAC takes a key of any length")]
    fn new(key: &[u8]) -> Self {
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
        Self { keyed, bytes: key.len() }
    }

    /// Whether one of the MACs is this key's over the pieces. However many are offered, the message is read
    /// once, and each comparison takes the same time wherever the two differ.
    pub(super) fn made_one_of(&self, offered: &[OfferedMac], pieces: &[&[u8]], body: &[u8]) -> bool {
        if offered.is_empty() {
            return false;
        }
        let right = self.mac(pieces, body);
        offered.iter().any(|mac| mac.ct_eq(&right).into())
    }

    /// This key's MAC over the pieces and the body.
    pub(super) fn mac(&self, pieces: &[&[u8]], body: &[u8]) -> [u8; MAC_BYTES] {
        let mut keyed = self.keyed.clone();
        for piece in pieces {
            keyed.update(piece);
        }
        keyed.chain_update(body).finalize().into_bytes().into()
    }
}
