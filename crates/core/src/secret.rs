//! The two long-lived secrets and what is derived from them. Neither is ever written to the store.
//!
//! The **fingerprint key** names keys; it is stable, since changing it would forget every budget.
//! The **pepper** protects codes and the shared token; it carries a key id and can be rotated: during a
//! rotation two are accepted, and the first is used for everything new.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The fewest bytes either secret may have: the output size of SHA-256 (RFC 2104, section 3).
pub const MIN_SECRET_BYTES: usize = 32;

/// A secret is too short or its ids clash. Never contains the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Fewer than [`MIN_SECRET_BYTES`] bytes.
    #[error("the {name} has {bytes} bytes; at least {MIN_SECRET_BYTES} are needed")]
    TooShort {
        /// Which secret.
        name: &'static str,
        /// Its length in bytes.
        bytes: usize,
    },
    /// No pepper at all.
    #[error("at least one pepper is needed")]
    NoPepper,
    /// Two peppers whose ids cannot be told apart in a record.
    #[error("the pepper ids `{0}` and `{1}` share a tag: rename one")]
    IdClash(String, String),
}

/// A keyed HMAC-SHA-256 that is cloned per message, so that the key schedule is computed once.
#[derive(Clone)]
pub(crate) struct Keyed(Hmac<Sha256>);

impl Keyed {
    #[expect(clippy::expect_used, reason = "RFC 2104: HMAC takes a key of any length")]
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(<Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// MAC over length-prefixed fields, so that no two lists of fields share a message.
    pub(crate) fn mac(&self, fields: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for field in fields {
            // Four bytes keep a usual message within one block of SHA-256; no field comes near 4 GiB.
            mac.update(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn mac16(&self, fields: &[&[u8]]) -> [u8; 16] {
        first_16(&self.mac(fields))
    }
}

/// The first 16 bytes of a digest: 128 bits are enough for a name that nobody may forge or guess.
pub(crate) fn first_16(digest: &[u8; 32]) -> [u8; 16] {
    std::array::from_fn(|i| digest[i])
}

/// Names keys in the store, and seals what must outlive every rotation. Stable for the life of the data.
#[derive(Clone)]
pub struct FingerprintKey {
    names: Keyed,
    pub(crate) evidence_seal: Zeroizing<[u8; 32]>,
}

impl FingerprintKey {
    /// Takes at least 32 random bytes.
    ///
    /// # Errors
    /// [`SecretError::TooShort`].
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        check_length("fingerprint key", bytes)?;
        Ok(Self {
            names: Keyed::new(&derive(bytes, b"textproof fingerprint")),
            evidence_seal: Zeroizing::new(derive(bytes, b"textproof consent evidence")),
        })
    }

    /// The name of a tenant's phone (E.164 with `+`): what stands in keys instead of the number.
    #[must_use]
    pub fn phone(&self, tenant: &str, e164: &str) -> Fingerprint {
        Fingerprint::from_bytes(self.names.mac16(&[b"phone", tenant.as_bytes(), e164.as_bytes()]))
    }

    /// A keyed digest of `fields` under `label`.
    pub(crate) fn digest(&self, label: &str, fields: &[&[u8]]) -> [u8; 16] {
        let mut parts = vec![label.as_bytes()];
        parts.extend(fields);
        self.names.mac16(&parts)
    }

    /// The 22-character name of `fields` under `label`.
    pub(crate) fn name(&self, label: &str, fields: &[&str]) -> Fingerprint {
        let mut parts = vec![label.as_bytes()];
        parts.extend(fields.iter().map(|field| field.as_bytes()));
        Fingerprint::from_bytes(self.names.mac16(&parts))
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(hidden)")
    }
}

/// A keyed 128-bit name in base64url (RFC 4648, section 5), 22 characters: what stands in a key instead
/// of a phone number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Wraps 128 bits that are already a keyed digest.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads the 22 characters; none when they are not 128 bits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
        Some(Self::from_bytes(bytes))
    }

    /// The 22 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Six of the characters, for where few fingerprints must be told apart.
    pub(crate) fn tag(&self) -> [u8; 6] {
        std::array::from_fn(|i| self.0.as_bytes()[i])
    }
}

/// Names the pepper inside a record: the first two bytes of SHA-256 over its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PepperTag(pub [u8; 2]);

/// One pepper with its id and the keys derived from it.
#[derive(Clone)]
pub struct Pepper {
    id: String,
    tag: PepperTag,
    pub(crate) code_mac: Keyed,
    pub(crate) derivation: Keyed,
    pub(crate) receipt_mac: Keyed,
    pub(crate) token_seal: Zeroizing<[u8; 32]>,
}

impl Pepper {
    /// Takes a key id and at least 32 random bytes.
    ///
    /// # Errors
    /// [`SecretError::TooShort`].
    pub fn new(id: impl Into<String>, bytes: &[u8]) -> Result<Self, SecretError> {
        check_length("pepper", bytes)?;
        let id = id.into();
        let digest = Sha256::digest(id.as_bytes());
        Ok(Self {
            tag: PepperTag([digest[0], digest[1]]),
            id,
            code_mac: Keyed::new(&derive(bytes, b"textproof code mac")),
            derivation: Keyed::new(&derive(bytes, b"textproof code derivation")),
            receipt_mac: Keyed::new(&derive(bytes, b"textproof receipt mac")),
            token_seal: Zeroizing::new(derive(bytes, b"textproof token seal")),
        })
    }

    /// The tag that records carry.
    #[must_use]
    pub fn tag(&self) -> PepperTag {
        self.tag
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper(id {}, hidden)", self.id)
    }
}

/// The accepted peppers; the first protects everything new.
#[derive(Clone, Debug)]
pub struct Peppers(Vec<Pepper>);

impl Peppers {
    /// Takes the accepted peppers, the current one first.
    ///
    /// # Errors
    /// [`SecretError::NoPepper`] for an empty list, [`SecretError::IdClash`] when two ids give one tag.
    pub fn new(peppers: Vec<Pepper>) -> Result<Self, SecretError> {
        for (i, pepper) in peppers.iter().enumerate() {
            if let Some(other) = peppers[..i].iter().find(|other| other.tag == pepper.tag) {
                return Err(SecretError::IdClash(other.id.clone(), pepper.id.clone()));
            }
        }
        if peppers.is_empty() { Err(SecretError::NoPepper) } else { Ok(Self(peppers)) }
    }

    pub(crate) fn current(&self) -> &Pepper {
        &self.0[0]
    }

    pub(crate) fn by_tag(&self, tag: PepperTag) -> Option<&Pepper> {
        self.0.iter().find(|pepper| pepper.tag == tag)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pepper> {
        self.0.iter()
    }
}

fn check_length(name: &'static str, bytes: &[u8]) -> Result<(), SecretError> {
    if bytes.len() < MIN_SECRET_BYTES {
        return Err(SecretError::TooShort { name, bytes: bytes.len() });
    }
    Ok(())
}

/// One key for each use, by HKDF-SHA-256 (RFC 5869).
#[expect(clippy::expect_used, reason = "HKDF-SHA-256 fails only above 8160 bytes of output")]
fn derive(secret: &[u8], label: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, secret).expand(label, &mut key).expect("32 bytes are within HKDF's limit");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_length_prefixed_so_borders_cannot_move() {
        let key = Keyed::new(b"k");
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        assert_ne!(key.mac(&[b"abc"]), key.mac(&[b"abc", b""]));
    }

    #[test]
    fn a_short_secret_is_refused_and_not_shown() {
        let error = Pepper::new("a", b"canary-secret").unwrap_err();
        assert!(error.to_string().contains("13 bytes"));
        assert!(!error.to_string().contains("canary"));
        assert!(FingerprintKey::new(&[1; 31]).is_err());
        assert!(FingerprintKey::new(&[1; 32]).is_ok());
    }

    #[test]
    fn two_peppers_of_one_id_are_refused() {
        let pepper = || Pepper::new("a", &[7; 32]).unwrap();
        assert_eq!(
            Peppers::new(vec![pepper(), pepper()]).unwrap_err(),
            SecretError::IdClash("a".into(), "a".into())
        );
        assert_eq!(Peppers::new(vec![]).unwrap_err(), SecretError::NoPepper);
    }

    #[test]
    fn secrets_never_print() {
        let pepper = Pepper::new("2026-11", &[0x41; 32]).unwrap();
        assert_eq!(format!("{pepper:?}"), "Pepper(id 2026-11, hidden)");
        assert_eq!(format!("{:?}", FingerprintKey::new(&[0x41; 32]).unwrap()), "FingerprintKey(hidden)");
    }
}
