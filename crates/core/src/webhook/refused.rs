//! Why a request was refused, and how much of that its sender may learn.

use std::fmt;

/// Why a request was refused. Holds and prints nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// A header that the scheme needs is absent.
    MissingHeader,
    /// A header that the scheme needs is not as the scheme has it.
    MalformedHeader,
    /// A header that the scheme needs came with different values, or a timestamp came more than once.
    ConflictingHeaders,
    /// No secret gives this signature.
    SignatureMismatch,
    /// The signature is right, and signed more than 300 s ago.
    TimestampTooOld,
    /// The signature is right, and signed more than 300 s in the future.
    TimestampInFuture,
    /// Signature or secret is right, but of a secret whose time is over.
    ExpiredSecret,
    /// The secret in the header is none of the endpoint's.
    WrongSecret,
    /// The endpoint wants a secret in the path and there is none.
    MissingPathSecret,
    /// The endpoint has no secret in its path.
    UnexpectedPathSecret,
    /// The secret in the path is none of the endpoint's.
    WrongPathSecret,
    /// The secret in the path is one whose time is over.
    ExpiredPathSecret,
    /// The endpoint has an allow-list of addresses, and the client's is not known.
    UnknownAddress,
    /// The client's address is not on the endpoint's allow-list.
    AddressNotAllowed,
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
    pub const ALL: [Self; 14] = [
        Self::MissingHeader,
        Self::MalformedHeader,
        Self::ConflictingHeaders,
        Self::SignatureMismatch,
        Self::TimestampTooOld,
        Self::TimestampInFuture,
        Self::ExpiredSecret,
        Self::WrongSecret,
        Self::MissingPathSecret,
        Self::UnexpectedPathSecret,
        Self::WrongPathSecret,
        Self::ExpiredPathSecret,
        Self::UnknownAddress,
        Self::AddressNotAllowed,
    ];

    /// The label for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingHeader => "missing_header",
            Self::MalformedHeader => "malformed_header",
            Self::ConflictingHeaders => "conflicting_headers",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TimestampTooOld => "timestamp_too_old",
            Self::TimestampInFuture => "timestamp_in_future",
            Self::ExpiredSecret => "expired_secret",
            Self::WrongSecret => "wrong_secret",
            Self::MissingPathSecret => "missing_path_secret",
            Self::UnexpectedPathSecret => "unexpected_path_secret",
            Self::WrongPathSecret => "wrong_path_secret",
            Self::ExpiredPathSecret => "expired_path_secret",
            Self::UnknownAddress => "unknown_address",
            Self::AddressNotAllowed => "address_not_allowed",
        }
    }

    /// How to answer. What concerns the path answers like a path that does not exist, so that nobody can
    /// probe for endpoints.
    #[must_use]
    pub fn answer_class(self) -> AnswerClass {
        match self {
            Self::MissingPathSecret
            | Self::UnexpectedPathSecret
            | Self::WrongPathSecret
            | Self::ExpiredPathSecret => AnswerClass::NotFound,
            _ => AnswerClass::Unauthorized,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Refused {}
