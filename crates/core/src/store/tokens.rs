//! The port for the gateway's bearer token, shared by the whole fleet.

use std::time::Duration;

use async_trait::async_trait;

use super::{RequestId, StoreError};
use crate::secret::Fingerprint;

/// Names the token of one gateway account: a keyed digest of base URL and credentials, so that changed
/// credentials start with a clean slate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey(pub Fingerprint);

/// A bearer token as the store holds it: sealed, with the time that is left by the store's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// A random id drawn by the host that obtained it; a 401 discards by this id.
    pub id: String,
    /// The sealed secret.
    pub sealed: Vec<u8>,
    /// Time left, never zero.
    pub remaining: Duration,
}

/// What a host that wants a token is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// Use this one. With `renew`, the asking host also holds the lease and should renew it meanwhile.
    Token {
        /// The token.
        token: SealedToken,
        /// Whether the asker was given the renewal lease.
        renew: bool,
    },
    /// There is none, and the asker holds the lease: obtain one.
    Renew,
    /// There is none, and another host is obtaining one.
    Wait,
    /// Obtaining one failed a short while ago; do not try before `retry_after`.
    Blocked {
        /// What went wrong.
        problem: TokenProblem,
        /// Time until the next attempt is allowed.
        retry_after: Duration,
    },
}

/// Why nobody may ask for a token just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProblem {
    /// The gateway refused the credentials, or tokens it had just issued.
    CredentialsRefused,
    /// The token endpoint answered 429 or 5xx, or could not be reached.
    Unavailable,
}

/// Shares one bearer token per gateway account.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Reads the token, or takes the renewal lease when the token has `renew_below` or less left.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn acquire(
        &self,
        key: &TokenKey,
        owner: &RequestId,
        lease: Duration,
        renew_below: Duration,
    ) -> Result<Acquired, StoreError>;

    /// Stores a new token and frees the lease, if the lease is still the owner's; says whether it was.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn keep(&self, key: &TokenKey, owner: &RequestId, token: &SealedToken) -> Result<bool, StoreError>;

    /// Discards the token with this id; a newer one stays.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn discard(&self, key: &TokenKey, id: &str) -> Result<(), StoreError>;

    /// Frees the owner's lease and tells the fleet not to ask again for a while.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn block(
        &self,
        key: &TokenKey,
        owner: &RequestId,
        problem: TokenProblem,
        retry_after: Duration,
    ) -> Result<(), StoreError>;
}
