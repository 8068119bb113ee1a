//! Faults of the engine. Business outcomes are values, not errors.

use crate::{gateway::GatewayError, otp::TextError, store::StoreError};

/// A fault. No message contains a code, a token, a secret or a full phone number.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store did not answer; nothing is decided.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway failed and nothing was sent.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Every gateway has failed too often, or has asked to be left alone: none was called.
    #[error("all gateways are left alone just now; try again in {} s", retry_after.as_secs())]
    GatewaysOpen {
        /// Time until the first may be called.
        retry_after: std::time::Duration,
    },
    /// Company, comment or domain must not be sent.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The caller's own code has a length that the policy refuses.
    #[error("a code of {digits} digits is refused: use 6 to 8")]
    CodeLength {
        /// Digits of the caller's code.
        digits: usize,
    },
    /// The gateway cannot make codes.
    #[error("{gateway} makes no codes itself; use our own")]
    NoGatewayCodes {
        /// Which gateway.
        gateway: &'static str,
    },
    /// The live code was made with a pepper that this host does not have (any more).
    #[error(
        "the live code was made with a pepper that this host does not have; check the configured peppers"
    )]
    PepperRetired,
    /// The application's session id cannot be one.
    #[error("a session id has 1 to 512 bytes, not {bytes}")]
    Session {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The idempotency key cannot be one.
    #[error("an idempotency key has 1 to 255 bytes, not {bytes}")]
    IdempotencyKey {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The idempotency key was used for another phone, purpose, text or session.
    #[error("the idempotency key was used for a different send; draw a new one for each send")]
    IdempotencyConflict,
    /// The outcome under the idempotency key was kept by another version.
    #[error("the outcome under that idempotency key cannot be read; is another version writing?")]
    IdempotencyUnreadable,
    /// The process was stopping; the outcome of the send is unknown.
    #[error("the send was interrupted because the process stops")]
    Interrupted,
    /// The operating system gave no random bytes; nothing was sent.
    #[error("the operating system gave no random bytes")]
    Randomness,
}
