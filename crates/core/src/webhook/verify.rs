//! Verification: nothing is parsed before the bytes have proved where they come from.

use std::fmt;

use http::HeaderMap;
use jiff::Timestamp;

use super::{
    endpoint::{Endpoint, Held, Scheme},
    hmac_body, path_secret,
};

/// What a request brings, as it was received.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// All headers; repeated ones are kept apart.
    pub headers: &'a HeaderMap,
    /// The path segment after the endpoint's name, where there is one.
    pub path_secret: Option<&'a str>,
    /// The raw body, already bounded by the server.
    pub body: &'a [u8],
}

/// A request whose origin is proved. Only [`Endpoint::verify`] makes one.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    endpoint: &'a Endpoint,
    body: &'a [u8],
    secret_id: &'a str,
}

impl<'a> Verified<'a> {
    /// The endpoint that verified it.
    #[must_use]
    pub fn endpoint(&self) -> &'a Endpoint {
        self.endpoint
    }

    /// The raw body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Bytes that this endpoint verified when they were received, and that have been kept since.
    pub(super) fn kept(endpoint: &'a Endpoint, body: &'a [u8]) -> Self {
        Self { endpoint, body, secret_id: "" }
    }

    /// Id of the secret that matched: a metric by this label shows when a rotation is over.
    #[must_use]
    pub fn secret_id(&self) -> &'a str {
        self.secret_id
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("endpoint", &self.endpoint.name())
            .field("secret_id", &self.secret_id)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl Endpoint {
    /// Decides on the path alone, before a body is read: a wrong path must answer like an unknown endpoint
    /// whatever else the request brings. [`Endpoint::verify`] checks it again.
    ///
    /// # Errors
    /// [`Refused`], always of the class [`AnswerClass::NotFound`].
    pub fn admits(&self, path_secret: Option<&str>, now: Timestamp) -> Result<(), Refused> {
        match (self.scheme(), path_secret) {
            (Scheme::HmacBody { .. }, Some(_)) => Err(Refused::UnexpectedPathSecret),
            (Scheme::HmacBody { .. }, None) => Ok(()),
            (Scheme::PathSecret(_), None) => Err(Refused::MissingPathSecret),
            (Scheme::PathSecret(secrets), Some(given)) => path_secret::verify(secrets, given, now).map(drop),
        }
    }

    /// Verifies a request over the bytes as they were received. `now` is the receiving host's time; it
    /// only decides which secrets are still accepted.
    ///
    /// # Errors
    /// [`Refused`]: the reason goes to the log and a metric, its [`answer_class`](Refused::answer_class)
    /// to the client.
    pub fn verify<'a>(&'a self, request: &Request<'a>, now: Timestamp) -> Result<Verified<'a>, Refused> {
        let secret_id = match (self.scheme(), request.path_secret) {
            (Scheme::HmacBody { .. }, Some(_)) => return Err(Refused::UnexpectedPathSecret),
            (Scheme::HmacBody { settings, keys }, None) => hmac_body::verify(settings, keys, request, now)?,
            (Scheme::PathSecret(_), None) => return Err(Refused::MissingPathSecret),
            (Scheme::PathSecret(secrets), Some(given)) => path_secret::verify(secrets, given, now)?,
        };
        Ok(Verified { endpoint: self, body: request.body, secret_id })
    }
}

/// Why a request was refused. Holds and prints nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// The signature header is absent.
    MissingHeader,
    /// The signature header is not prefix and hex of exactly the MAC's length.
    MalformedHeader,
    /// The signature header came with different values.
    ConflictingHeaders,
    /// No secret gives this signature.
    SignatureMismatch,
    /// The signature is right, but under a secret whose time is over.
    ExpiredSecret,
    /// The endpoint wants a secret in the path and there is none.
    MissingPathSecret,
    /// The endpoint has no secret in its path.
    UnexpectedPathSecret,
    /// The secret in the path is none of the endpoint's.
    WrongPathSecret,
    /// The secret in the path is one whose time is over.
    ExpiredPathSecret,
}

/// What the client may learn of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerClass {
    /// 404, as for an endpoint that does not exist.
    NotFound,
    /// 401 with an empty body.
    Unauthorized,
}

impl Refused {
    /// All reasons, so that every metric label exists from the start.
    pub const ALL: [Self; 9] = [
        Self::MissingHeader,
        Self::MalformedHeader,
        Self::ConflictingHeaders,
        Self::SignatureMismatch,
        Self::ExpiredSecret,
        Self::MissingPathSecret,
        Self::UnexpectedPathSecret,
        Self::WrongPathSecret,
        Self::ExpiredPathSecret,
    ];

    /// The label for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingHeader => "missing_header",
            Self::MalformedHeader => "malformed_header",
            Self::ConflictingHeaders => "conflicting_headers",
            Self::SignatureMismatch => "signature_mismatch",
            Self::ExpiredSecret => "expired_secret",
            Self::MissingPathSecret => "missing_path_secret",
            Self::UnexpectedPathSecret => "unexpected_path_secret",
            Self::WrongPathSecret => "wrong_path_secret",
            Self::ExpiredPathSecret => "expired_path_secret",
        }
    }

    /// How to answer. What concerns the path answers like a path that does not exist, so that nobody can
    /// probe for endpoints.
    #[must_use]
    pub fn answer_class(self) -> AnswerClass {
        match self {
            Self::MissingHeader
            | Self::MalformedHeader
            | Self::ConflictingHeaders
            | Self::SignatureMismatch
            | Self::ExpiredSecret => AnswerClass::Unauthorized,
            Self::MissingPathSecret
            | Self::UnexpectedPathSecret
            | Self::WrongPathSecret
            | Self::ExpiredPathSecret => AnswerClass::NotFound,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Refused {}

/// What the secrets say to one request.
pub(super) enum Match<'a> {
    /// A live secret matched; its id.
    Live(&'a str),
    /// Only a secret whose time is over matched.
    Expired,
    /// None matched.
    None,
}

/// Holds a request against every secret; a live one wins over an expired one.
pub(super) fn first_match<K>(secrets: &[Held<K>], now: Timestamp, matches: impl Fn(&K) -> bool) -> Match<'_> {
    let mut expired = false;
    for secret in secrets {
        if matches(&secret.key) {
            if secret.is_live(now) {
                return Match::Live(&secret.id);
            }
            expired = true;
        }
    }
    if expired { Match::Expired } else { Match::None }
}
