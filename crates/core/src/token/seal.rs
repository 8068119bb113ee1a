//! Sealing the shared token for the store: XChaCha20-Poly1305 under a key derived from the pepper.
//!
//! Sealed bytes are `pepper tag 2 | nonce 24 | ciphertext`; a random nonce of 24 bytes needs no counter.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    secret::{PepperTag, Peppers},
    store::{SealedToken, TokenKey},
};

/// Seals `secret` for its place in the store.
pub(super) fn seal(peppers: &Peppers, key: &TokenKey, id: &str, secret: &SecretString) -> Vec<u8> {
    let pepper = peppers.current();
    let nonce: [u8; 24] = rand::rng().random();
    let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &place(key, id) };
    let mut sealed = pepper.tag().0.to_vec();
    sealed.extend_from_slice(&nonce);
    // Only a message of 256 GiB cannot be sealed; nothing would then open, and the token be replaced.
    sealed.extend(cipher(&pepper.token_seal).encrypt(&nonce.into(), payload).unwrap_or_default());
    sealed
}

/// Opens what one of the accepted peppers has sealed for this place.
pub(super) fn open(peppers: &Peppers, key: &TokenKey, token: &SealedToken) -> Option<SecretString> {
    let (tag, rest) = token.sealed.split_first_chunk::<2>()?;
    let (nonce, ciphertext) = rest.split_first_chunk::<24>()?;
    let pepper = peppers.by_tag(PepperTag(*tag))?;
    let payload = Payload { msg: ciphertext, aad: &place(key, &token.id) };
    let secret = Zeroizing::new(cipher(&pepper.token_seal).decrypt(&(*nonce).into(), payload).ok()?);
    Some(SecretString::from(std::str::from_utf8(&secret).ok()?.to_owned()))
}

/// Binds the sealed bytes to their place: a token copied under another account's key does not open.
fn place(key: &TokenKey, id: &str) -> Vec<u8> {
    format!("{}|{id}", key.0.as_str()).into_bytes()
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::secret::{Fingerprint, Pepper};

    fn peppers(ids: &[(&str, u8)]) -> Peppers {
        Peppers::new(ids.iter().map(|(id, byte)| Pepper::new(*id, &[*byte; 32]).unwrap()).collect()).unwrap()
    }

    #[test]
    fn a_sealed_token_opens_in_its_place_and_under_its_pepper_only() {
        let (here, elsewhere) =
            (TokenKey(Fingerprint::from_bytes([1; 16])), TokenKey(Fingerprint::from_bytes([2; 16])));
        let old = peppers(&[("old", 1)]);
        let sealed = seal(&old, &here, "aa", &SecretString::from("wst_canary"));
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        let token = SealedToken { id: "aa".into(), sealed, remaining: Duration::from_secs(1) };
        let opened = |peppers: &Peppers, key, token: &SealedToken| {
            open(peppers, key, token).map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(opened(&old, &here, &token).as_deref(), Some("wst_canary"));
        assert_eq!(opened(&peppers(&[("new", 2), ("old", 1)]), &here, &token).as_deref(), Some("wst_canary"));
        assert_eq!(opened(&peppers(&[("new", 2)]), &here, &token), None);
        assert_eq!(opened(&old, &elsewhere, &token), None);
        assert_eq!(opened(&old, &here, &SealedToken { id: "bb".into(), ..token.clone() }), None);
        for cut in 0..token.sealed.len() {
            let cut = SealedToken { sealed: token.sealed[..cut].to_vec(), ..token.clone() };
            assert_eq!(opened(&old, &here, &cut), None);
        }
    }
}
