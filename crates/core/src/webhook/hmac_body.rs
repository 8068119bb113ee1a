//! Scheme `hmac-body`: HMAC-SHA-256 (RFC 2104) over the raw body, hex in a header.

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::{
    claim::Claim,
    headers::{hex_mac, read_name, sole, write_name},
    refused::Refused,
    settings::EndpointError,
    signing_key::KeyEncoding,
};

/// The longest prefix before the hex digits, in characters.
pub(super) const MAX_PREFIX_CHARS: usize = 32;

/// Where the signature stands and what the key is. The default is Mobile API Connect's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HmacBody {
    /// The header that carries the signature; `X-MAC-Signature`.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub header: HeaderName,
    /// What stands before the hex digits, to the letter; `sha256=`, and may be empty.
    pub prefix: String,
    /// How the secret becomes the key; `utf8`.
    pub key_encoding: KeyEncoding,
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

    /// The one signature of the request, over nothing but the body.
    pub(super) fn claim<'r>(&self, headers: &'r HeaderMap) -> Result<Claim<'r>, Refused> {
        claim(headers, &self.header, self.prefix.as_bytes())
    }
}

/// A MAC in hex after a prefix, in a header of its own.
pub(super) fn claim<'r>(
    headers: &'r HeaderMap,
    name: &HeaderName,
    prefix: &[u8],
) -> Result<Claim<'r>, Refused> {
    let hex = sole(headers, name)?.strip_prefix(prefix).ok_or(Refused::MalformedHeader)?;
    hex_mac(hex).map(Claim::of_body).ok_or(Refused::MalformedHeader)
}
