//! What configuration states about an endpoint, and why it may be refused.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    AllowedAddresses, Dialect, PointerError, basic::Basic, header_secret::HeaderSecret, hmac_body::HmacBody,
};

/// The longest endpoint name, in characters: it is part of a path and of metric labels.
const MAX_NAME_CHARS: usize = 32;

/// The longest tenant or secret id, in characters.
const MAX_LABEL_CHARS: usize = 64;

/// HMAC keys below this many bytes are accepted with a warning: the gateway, not we, chose them.
pub(super) const WEAK_KEY_BYTES: usize = 16;

/// What an endpoint is built from, as configuration states it.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// The path segment after `/hooks/`: 1 to 32 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Tenant that its events belong to: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`.
    pub tenant: String,
    /// What the JSON means.
    pub dialect: Dialect,
    /// How a request proves where it comes from.
    pub authentication: Authentication,
    /// The accepted secrets, in any order; at least one, unless the endpoint is
    /// [insecure](Authentication::Insecure).
    pub secrets: Vec<SecretEntry>,
    /// Who may post at all; absent: from anywhere. It never replaces the authentication.
    pub addresses: Option<AllowedAddresses>,
}

/// One accepted secret. During a rotation there are several.
#[derive(Clone, Debug)]
pub struct SecretEntry {
    /// Says in logs and metrics which secret matched: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`.
    pub id: String,
    /// The secret as the gateway or the operator wrote it.
    pub value: SecretString,
    /// The last moment at which it is accepted; absent: no end.
    pub not_after: Option<Timestamp>,
}

/// How a request proves where it comes from: one scheme per endpoint, so that a weaker one can never
/// rescue a request that a stronger one refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Authentication {
    /// HMAC-SHA-256 over the raw body, hex in a header.
    HmacBody(HmacBody),
    /// Standard Webhooks 1.0.0: HMAC-SHA-256 over id, timestamp and body.
    StandardWebhooks {},
    /// HMAC-SHA-256 over the raw body in `X-Hub-Signature-256`.
    Github {},
    /// HMAC-SHA-256 over timestamp and body in `Stripe-Signature`.
    Stripe {},
    /// HMAC-SHA-256 over timestamp and body in `X-Slack-Signature`.
    Slack {},
    /// A secret as the last path segment, for gateways that sign nothing.
    PathSecret {},
    /// User and password (RFC 7617), for gateways that sign nothing.
    Basic(Basic),
    /// A secret in a header, for gateways that sign nothing.
    HeaderSecret(HeaderSecret),
    /// Nothing: anyone may post. No scheme's name leads here, so that no slip of a name can.
    #[serde(skip)]
    Insecure,
}

impl EndpointSettings {
    /// What every scheme asks for.
    pub(super) fn check(&self) -> Result<(), EndpointError> {
        let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=MAX_NAME_CHARS).contains(&self.name.len()) || !self.name.bytes().all(in_name) {
            return Err(EndpointError::Name);
        }
        if !is_label(&self.tenant) {
            return Err(EndpointError::Tenant);
        }
        match (&self.authentication, self.secrets.is_empty()) {
            (Authentication::Insecure, true) => Ok(()),
            (Authentication::Insecure, false) => Err(EndpointError::InsecureWithSecrets),
            _ => check_entries(&self.secrets),
        }
    }
}

/// Why an endpoint cannot be built. Never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The name would not fit a path and a metric label.
    #[error("an endpoint's name is 1 to 32 characters of a-z, 0-9 and -")]
    Name,
    /// The tenant is empty, too long or has odd characters.
    #[error("an endpoint's tenant is 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'")]
    Tenant,
    /// Without a secret anyone could post.
    #[error("the endpoint has no secrets: anyone could post to it")]
    NoSecrets,
    /// A secret's id would not fit a metric label. The text is not repeated: it may be the secret itself.
    #[error(
        "the id of secret number {position} is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'"
    )]
    SecretId {
        /// Its place in the list, counted from 1.
        position: usize,
    },
    /// Two secrets that a metric could not tell apart.
    #[error("two secrets have the id `{0}`")]
    DuplicateSecretId(String),
    /// The secret is empty, or nothing is left of it after its key encoding.
    #[error("the secret `{0}` is empty")]
    EmptySecret(String),
    /// Secrets that nobody would be asked for.
    #[error("the endpoint asks for nothing, yet it has secrets: drop them, or choose a scheme")]
    InsecureWithSecrets,
    /// A key that should be base64 (by its scheme or `key_encoding`) and is not standard base64 with padding.
    #[error(
        "the secret `{0}` is not standard base64 with padding (RFC 4648, section 4), as its scheme or key_encoding says"
    )]
    NotBase64(String),
    /// A path secret that could be guessed or would not survive in a path.
    #[error("the path secret `{0}` needs at least 22 characters (128 bits) of A-Z, a-z, 0-9, '_' and '-'")]
    WeakPathSecret(String),
    /// A password or a secret in a header that could be guessed or would not survive there.
    #[error("the secret `{0}` needs at least 22 visible ASCII characters (128 bits)")]
    WeakSecret(String),
    /// A user that cannot stand before a colon.
    #[error("the user is 1 to 64 visible ASCII characters without a colon")]
    User,
    /// A prefix of a secret that no header value could begin with.
    #[error("the prefix of the secret is at most 32 printable ASCII characters and begins with no blank")]
    SecretPrefix,
    /// A signature prefix that no header value could begin with.
    #[error("the signature prefix is at most 32 visible ASCII characters")]
    Prefix,
    /// The pointers of a generic payload do not fit together.
    #[error(transparent)]
    Pointers(#[from] PointerError),
}

/// Something to tell the operator at start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointWarning {
    /// The HMAC key is short enough to worry about.
    ShortKey {
        /// Id of the secret.
        id: String,
        /// Length of the key in bytes.
        bytes: usize,
    },
    /// Nothing is asked for.
    Insecure,
}

impl fmt::Display for EndpointWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortKey { id, bytes } => {
                write!(
                    f,
                    "the secret `{id}` has a key of {bytes} bytes; {WEAK_KEY_BYTES} or more are advised"
                )
            }
            Self::Insecure => {
                f.write_str("INSECURE: anyone who reaches this server can post here, as insecure = true says")
            }
        }
    }
}

fn check_entries(secrets: &[SecretEntry]) -> Result<(), EndpointError> {
    if secrets.is_empty() {
        return Err(EndpointError::NoSecrets);
    }
    for (i, entry) in secrets.iter().enumerate() {
        if !is_label(&entry.id) {
            return Err(EndpointError::SecretId { position: i + 1 });
        }
        if secrets[..i].iter().any(|other| other.id == entry.id) {
            return Err(EndpointError::DuplicateSecretId(entry.id.clone()));
        }
        if entry.value.expose_secret().is_empty() {
            return Err(EndpointError::EmptySecret(entry.id.clone()));
        }
    }
    Ok(())
}

fn is_label(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=MAX_LABEL_CHARS).contains(&text.len()) && text.bytes().all(allowed)
}
