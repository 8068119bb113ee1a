//! Signing by Standard Webhooks (specification 1.0.0): the other side of scheme `standard-webhooks`.

use std::fmt;

use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;

use super::{
    KeyEncoding, SecretEntry,
    signing_key::SigningKey,
    standard_webhooks::{ID, SIGNATURE, TIMESTAMP},
};
use crate::event::EventId;

/// The shortest key that the specification advises, in bytes.
const ADVISED_KEY_BYTES: usize = 24;

/// Signs what we send.
///
/// ```
/// use jiff::Timestamp;
/// use textproof::event::{EventId, Identity};
/// use textproof::webhook::WebhookSigner;
///
/// let signer = WebhookSigner::new(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())?;
/// let id = EventId::of(&Identity::of_body("websms", b"x"));
/// let headers = signer.sign(&id, Timestamp::from_second(1_614_265_330)?, b"{}");
/// assert_eq!(headers["webhook-id"], id.as_str());
/// assert_eq!(headers["webhook-timestamp"], "1614265330");
/// assert!(headers["webhook-signature"].to_str()?.starts_with("v1,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebhookSigner(SigningKey);

/// A secret that cannot sign. Never contains the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be whsec_ and standard base64 with padding (RFC 4648, section 4): `openssl rand -base64 32` makes the base64"
)]
pub struct SigningSecretError;

impl WebhookSigner {
    /// Takes `whsec_` and the key in base64; the prefix may be missing.
    ///
    /// # Errors
    /// [`SigningSecretError`] when it is not base64, or empty.
    pub fn new(secret: &SecretString) -> Result<Self, SigningSecretError> {
        let entry = SecretEntry { id: String::new(), value: secret.clone(), not_after: None };
        KeyEncoding::Base64.key(&entry).map(Self).map_err(|_| SigningSecretError)
    }

    /// The three headers that go with this body. `now` is the time of the attempt: receivers refuse old ones.
    #[must_use]
    #[expect(clippy::expect_used, reason = "ids, numbers and base64 are visible ASCII")]
    pub fn sign(&self, id: &EventId, now: Timestamp, body: &[u8]) -> HeaderMap {
        let timestamp = now.as_second().to_string();
        let signature = self.signature(id.as_str(), &timestamp, body);
        let value = |text: &str| HeaderValue::from_str(text).expect("visible ASCII");
        HeaderMap::from_iter([
            (ID, value(id.as_str())),
            (TIMESTAMP, value(&timestamp)),
            (SIGNATURE, value(&signature)),
        ])
    }

    pub(super) fn signature(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let pieces: [&[u8]; 4] = [id.as_bytes(), b".", timestamp.as_bytes(), b"."];
        format!("v1,{}", BASE64.encode(&self.0.mac(&pieces, body)))
    }

    /// Whether the key is long enough: 24 bytes are advised.
    #[must_use]
    pub fn has_advised_length(&self) -> bool {
        self.0.bytes >= ADVISED_KEY_BYTES
    }
}

impl fmt::Debug for WebhookSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSigner(hidden)")
    }
}
