//! What shows that a person said so, sealed for the store: XChaCha20-Poly1305 under a key derived from the fingerprint
//! key, since evidence must outlive every rotation of the pepper.
//!
//! Sealed bytes are `nonce 24 | ciphertext`; a random nonce of 24 bytes needs no counter.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    event::EventId,
    secret::FingerprintKey,
    store::{ConsentRegister, Evidence},
};

/// How much of a text is kept. What is looked at for a word is no longer.
const TEXT_CHARS: usize = 1_000;

/// What a person said, to whom, and by which word it counts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The tenant.
    pub tenant: String,
    /// Who said it: E.164 with `+` where it is a phone number.
    pub phone: String,
    /// Our number or short code.
    pub sender: String,
    /// The endpoint that received it, or `import`.
    pub endpoint: String,
    /// The word that counts.
    pub word: String,
    /// The text, at most 1,000 characters of it; absent where a statement was imported without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Statement {
    /// Seals it for its place in the store.
    pub(super) fn seal(
        mut self,
        key: &FingerprintKey,
        register: &ConsentRegister,
        event: EventId,
    ) -> Evidence {
        self.text = self.text.map(|text| text.chars().take(TEXT_CHARS).collect());
        let plain = Zeroizing::new(serde_json::to_vec(&self).unwrap_or_default());
        let nonce: [u8; 24] = rand::rng().random();
        let payload = Payload { msg: &plain, aad: &place(register, &event) };
        let mut sealed = nonce.to_vec();
        // Only a message of 256 GiB cannot be sealed.
        sealed.extend(cipher(key).encrypt(&nonce.into(), payload).unwrap_or_default());
        Evidence { event, sealed }
    }

    /// Opens what was sealed for this place; none when another key sealed it, or it stood elsewhere.
    pub(super) fn open(
        key: &FingerprintKey,
        register: &ConsentRegister,
        evidence: &Evidence,
    ) -> Option<Self> {
        let (nonce, ciphertext) = evidence.sealed.split_first_chunk::<24>()?;
        let payload = Payload { msg: ciphertext, aad: &place(register, &evidence.event) };
        let plain = Zeroizing::new(cipher(key).decrypt(&(*nonce).into(), payload).ok()?);
        serde_json::from_slice(&plain).ok()
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Binds the sealed bytes to their place: evidence copied to another person or event does not open.
fn place(register: &ConsentRegister, event: &EventId) -> Vec<u8> {
    [register.phone.as_str(), "|", register.sender.as_str(), "|", event.as_str()].concat().into_bytes()
}

fn cipher(key: &FingerprintKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*key.evidence_seal).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Identity, secret::Fingerprint};

    #[test]
    fn evidence_shows_nothing_and_opens_in_its_place_and_under_its_key_only() {
        let key = |byte| FingerprintKey::new(&[byte; 32]).unwrap();
        let register = |byte| ConsentRegister {
            phone: Fingerprint::from_bytes([byte; 16]),
            sender: Fingerprint::from_bytes([9; 16]),
        };
        let event = |name: &str| EventId::of(&Identity::of_body("websms", name.as_bytes()));
        let statement = Statement {
            tenant: "default".into(),
            phone: "+64211234567".into(),
            sender: "552".into(),
            endpoint: "websms".into(),
            word: "stop".into(),
            text: Some(format!("canary{}", "x".repeat(2_000))),
        };
        let evidence = statement.clone().seal(&key(1), &register(1), event("a"));
        for word in [&b"canary"[..], b"1234567", b"stop"] {
            assert!(!evidence.sealed.windows(word.len()).any(|window| window == word));
        }
        let opened = Statement::open(&key(1), &register(1), &evidence).unwrap();
        assert_eq!((opened.phone, opened.text.unwrap().len()), ("+64211234567".to_owned(), TEXT_CHARS));
        assert_eq!(Statement::open(&key(2), &register(1), &evidence), None, "another key");
        assert_eq!(Statement::open(&key(1), &register(2), &evidence), None, "another person");
        let moved = Evidence { event: event("b"), ..evidence.clone() };
        assert_eq!(Statement::open(&key(1), &register(1), &moved), None, "another event");
        for cut in 0..evidence.sealed.len() {
            let cut = Evidence { sealed: evidence.sealed[..cut].to_vec(), ..evidence.clone() };
            assert_eq!(Statement::open(&key(1), &register(1), &cut), None);
        }
        assert!(!format!("{statement:?}").contains("canary"));
    }
}
