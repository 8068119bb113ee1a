//! Scheme `hmac-body`: HMAC-SHA-256 (RFC 2104) over the raw body, hex in a header.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    endpoint::Held,
    settings::{EndpointError, SecretEntry},
    verify::{Match, Refused, Request, first_match},
};

/// Length of the MAC: the output of SHA-256.
const MAC_BYTES: usize = 32;

/// The longest prefix before the hex digits, in characters.
const MAX_PREFIX_CHARS: usize = 32;

/// What shared webhook secrets are commonly written with.
const SECRET_PREFIX: &str = "whsec_";

/// Where the signature stands and what the key is. The default is Mobile API Connect's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HmacBody {
    /// The header that carries the signature; `X-MAC-Signature`.
    #[serde(serialize_with = "write_header", deserialize_with = "read_header")]
    pub header: HeaderName,
    /// What stands before the hex digits, to the letter; `sha256=`, and may be empty.
    pub prefix: String,
    /// How the secret becomes the key; `utf8`.
    pub key_encoding: KeyEncoding,
}

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

impl Default for HmacBody {
    fn default() -> Self {
        Self {
            header: HeaderName::from_static("x-mac-signature"),
            prefix: "sha256=".to_owned(),
            key_encoding: KeyEncoding::default(),
        }
    }
}

impl HmacBody {
    pub(super) fn check(&self) -> Result<(), EndpointError> {
        let visible = self.prefix.bytes().all(|b| b.is_ascii_graphic());
        if visible && self.prefix.len() <= MAX_PREFIX_CHARS { Ok(()) } else { Err(EndpointError::Prefix) }
    }

    pub(super) fn key(&self, entry: &SecretEntry) -> Result<HmacBodyKey, EndpointError> {
        let text = entry.value.expose_secret();
        let stripped = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        let decoded;
        let key = match self.key_encoding {
            KeyEncoding::Utf8 => text.as_bytes(),
            KeyEncoding::Utf8Stripped => stripped.as_bytes(),
            KeyEncoding::Base64 => {
                let bytes = BASE64.decode(stripped.as_bytes());
                decoded = Zeroizing::new(bytes.map_err(|_| EndpointError::NotBase64(entry.id.clone()))?);
                decoded.as_slice()
            }
        };
        if key.is_empty() {
            return Err(EndpointError::EmptySecret(entry.id.clone()));
        }
        Ok(HmacBodyKey::new(key))
    }
}

/// A keyed HMAC that is cloned for each request, so that the key schedule is computed once.
pub(super) struct HmacBodyKey {
    keyed: Hmac<Sha256>,
    /// Length of the key in bytes.
    pub(super) bytes: usize,
}

impl HmacBodyKey {
    #[expect(clippy::expect_used, reason = "RFC 2104: HMAC takes a key of any length")]
    fn new(key: &[u8]) -> Self {
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
        Self { keyed, bytes: key.len() }
    }

    fn signed(&self, body: &[u8], mac: &[u8; MAC_BYTES]) -> bool {
        self.keyed.clone().chain_update(body).verify_slice(mac).is_ok()
    }
}

/// The id of the secret that signed the body.
pub(super) fn verify<'a>(
    settings: &HmacBody,
    keys: &'a [Held<HmacBodyKey>],
    request: &Request<'_>,
    now: Timestamp,
) -> Result<&'a str, Refused> {
    let mac = signature(request.headers, &settings.header, &settings.prefix)?;
    match first_match(keys, now, |key| key.signed(request.body, &mac)) {
        Match::Live(id) => Ok(id),
        Match::Expired => Err(Refused::ExpiredSecret),
        Match::None => Err(Refused::SignatureMismatch),
    }
}

/// Decodes the one signature of the request. A repeated header counts once if all its values are the
/// same; otherwise nobody could say which value another machine on the way looked at.
fn signature(headers: &HeaderMap, name: &HeaderName, prefix: &str) -> Result<[u8; MAC_BYTES], Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refused::MissingHeader)?;
    if values.any(|other| other != value) {
        return Err(Refused::ConflictingHeaders);
    }
    let hex = value.as_bytes().strip_prefix(prefix.as_bytes()).ok_or(Refused::MalformedHeader)?;
    let mut mac = [0; MAC_BYTES];
    // The exact length comes first: a decoder that took fewer digits would compare fewer bytes.
    if hex.len() != 2 * MAC_BYTES || HEXLOWER_PERMISSIVE.decode_mut(hex, &mut mac).is_err() {
        return Err(Refused::MalformedHeader);
    }
    Ok(mac)
}

fn write_header<S: Serializer>(header: &HeaderName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(header.as_str())
}

fn read_header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| D::Error::custom("not a header name"))
}
