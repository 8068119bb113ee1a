//! What can be said about a refused request.

use std::fmt;

use jiff::Timestamp;

use super::{super::KeyEncoding, BodyChange};

/// One thing that would have to be otherwise. Names headers, settings and ids of secrets, never a secret and
/// nothing of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A header that the scheme needs is absent.
    MissingHeader(String),
    /// A header that must come once came with different values, or a timestamp came twice.
    ConflictingHeader(String),
    /// The headers are there, and not in the scheme's form.
    Malformed {
        /// What the scheme has.
        form: String,
    },
    /// The path goes on after the endpoint's name, and the scheme has no secret there.
    UnexpectedPathSecret,
    /// The path ends with the endpoint's name.
    MissingPathSecret,
    /// The endpoint has an allow-list, and the client's address is not on it or not known.
    Address {
        /// Whether it is known.
        known: bool,
    },
    /// It is right under another scheme.
    Scheme(&'static str),
    /// It is right when another header is read.
    Header(String),
    /// It is right when something else stands before signature or secret.
    Prefix(String),
    /// The MAC is right, and written in base64 where the scheme has hex.
    Base64Mac,
    /// It is right when the secret's text is made into the key differently.
    KeyEncoding(KeyEncoding),
    /// It is right when blanks or a line break around the secret are taken off, or a line break is put on.
    SecretBlanks,
    /// The signature is right for another body.
    Body(BodyChange),
    /// It is right under a secret whose time is over.
    ExpiredSecret {
        /// Its id.
        id: String,
        /// The last moment at which it was accepted.
        ended: Timestamp,
    },
    /// It is right, and was signed too long before or after it was received.
    Clock {
        /// Seconds since the signature; negative when it is in the future.
        age_seconds: i64,
    },
    /// The signed timestamp is in milliseconds, and the scheme has seconds.
    Milliseconds,
    /// The password is right and the user is not.
    User {
        /// The configured one.
        expected: String,
    },
    /// The secret is none of the endpoint's, however it is read.
    WrongSecret,
    /// No secret gives this signature of this body, however both are read. A key that is another one and a body
    /// that was changed beyond recognition look the same.
    WrongKeyOrBody,
}

impl Finding {
    /// A stable word for machines.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::MissingHeader(_) => "missing_header",
            Self::ConflictingHeader(_) => "conflicting_header",
            Self::Malformed { .. } => "malformed",
            Self::UnexpectedPathSecret => "unexpected_path_secret",
            Self::MissingPathSecret => "missing_path_secret",
            Self::Address { .. } => "address",
            Self::Scheme(_) => "scheme",
            Self::Header(_) => "header",
            Self::Prefix(_) => "prefix",
            Self::Base64Mac => "base64_mac",
            Self::KeyEncoding(_) => "key_encoding",
            Self::SecretBlanks => "secret_blanks",
            Self::Body(_) => "body",
            Self::ExpiredSecret { .. } => "expired_secret",
            Self::Clock { .. } => "clock",
            Self::Milliseconds => "milliseconds",
            Self::User { .. } => "user",
            Self::WrongSecret => "wrong_secret",
            Self::WrongKeyOrBody => "wrong_key_or_body",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingHeader(name) => write!(f, "the request has no header {name}"),
            Self::ConflictingHeader(name) => write!(f, "the header {name} came more than once, with different values"),
            Self::Malformed { form } => write!(f, "the scheme has {form}, and the headers are not like that"),
            Self::UnexpectedPathSecret => {
                f.write_str("the path goes on after the endpoint's name, where this scheme has no secret")
            }
            Self::MissingPathSecret => f.write_str("the path has no secret after the endpoint's name"),
            Self::Address { known: true } => f.write_str("the client's address is not on the endpoint's list"),
            Self::Address { known: false } => {
                f.write_str("the endpoint has a list of addresses, and the client's address is not known")
            }
            Self::Scheme(name) => write!(f, "right with scheme = \"{name}\""),
            Self::Header(name) => write!(f, "right with header = \"{name}\""),
            Self::Prefix(prefix) => write!(f, "right with prefix = \"{prefix}\""),
            Self::Base64Mac => f.write_str("the MAC is right, and written in base64 where the scheme has hex"),
            Self::KeyEncoding(encoding) => {
                write!(f, "right when the secret becomes the key as key_encoding = \"{}\"", encoding.as_str())
            }
            Self::SecretBlanks => f.write_str(
                "right when a line break or blanks at the ends of the secret count differently: one side has them",
            ),
            Self::Body(change) => write!(f, "right for the body {change}: it is not the body that was signed"),
            Self::ExpiredSecret { id, ended } => {
                write!(f, "right under the secret `{id}`, which ended at {ended}: the sender uses an old key")
            }
            Self::Clock { age_seconds } if *age_seconds < 0 => write!(
                f,
                "right, but signed {} s after the time at which it is looked at (300 are allowed): \
                 compare the clocks, or say when it was received",
                age_seconds.unsigned_abs()
            ),
            Self::Clock { age_seconds } => write!(
                f,
                "right, but signed {age_seconds} s before the time at which it is looked at (300 are allowed): \
                 compare the clocks, or say when it was received"
            ),
            Self::Milliseconds => f.write_str("the timestamp is in milliseconds, and the scheme has seconds"),
            Self::User { expected } => write!(f, "the password is right, and the user is not {expected:?}"),
            Self::WrongSecret => f.write_str("the secret is none of this endpoint's, however it is read"),
            Self::WrongKeyOrBody => f.write_str(
                "no secret of this endpoint gives this signature of this body, however both are read: \
                 another key, or a body that was changed",
            ),
        }
    }
}
