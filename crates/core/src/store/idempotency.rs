//! The port for idempotency keys: a send that is asked for again gets the outcome of the first.
//!
//! ```text
//! (nothing) ── claim ──► in flight ── finish ──► done ──► (gone after its time)
//!                           │  │
//!                           │  └─ the lease ends: the next claim takes it over, with the same send id
//!                           └─ release: nothing was sent and nothing was decided; gone again
//! ```

use std::time::Duration;

use async_trait::async_trait;

use super::{RequestId, StoreError};
use crate::secret::Fingerprint;

/// How long an idempotency record is kept.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(86_400);

/// Asks to send under an idempotency key.
#[derive(Clone, Debug)]
pub struct ClaimKey<'a> {
    /// Keyed name of tenant and key.
    pub name: &'a Fingerprint,
    /// Keyed digest of all arguments of the send.
    pub arguments: [u8; 16],
    /// The send that the caller would make.
    pub send: RequestId,
    /// How long it may take; then another may take over.
    pub lease: Duration,
}

/// The store's answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The caller sends, under this id: its own, or the one of a host that did not finish.
    Yours {
        /// The send.
        send: RequestId,
    },
    /// Another is at it.
    InFlight {
        /// Time until its lease ends.
        retry_after: Duration,
    },
    /// It has been sent.
    Done {
        /// What [`IdempotencyStore::finish_key`] was told.
        outcome: Vec<u8>,
        /// How long ago.
        ago: Duration,
    },
    /// The key was used for other arguments.
    OtherArguments,
}

/// Idempotency keys of sends.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Claims a key, or tells what has become of it.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; claiming again with the same send is safe.
    async fn claim_key(&self, claim: &ClaimKey<'_>) -> Result<Claimed, StoreError>;

    /// Keeps the outcome, if the claim is still this send's.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; finishing again is safe.
    async fn finish_key(&self, name: &Fingerprint, send: RequestId, outcome: &[u8])
    -> Result<(), StoreError>;

    /// Gives the claim back, if it is still this send's.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; the lease ends by itself.
    async fn release_key(&self, name: &Fingerprint, send: RequestId) -> Result<(), StoreError>;
}
