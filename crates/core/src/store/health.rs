//! The port for readiness: whether the store answers, and whether it is set up to keep what it is given.

use async_trait::async_trait;

use super::StoreError;

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The store's clock, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// Name and version of the server.
    pub server: String,
    /// `maxmemory-policy`; anything but `noeviction` can lose codes and events. None when unreadable.
    pub eviction: Option<String>,
    /// Whether an append-only file is kept. None when unreadable.
    pub append_only: Option<bool>,
}

/// Readiness of the store.
#[async_trait]
pub trait HealthStore: Send + Sync {
    /// Asks for one cheap answer.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Reads what an operator wants to know.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn health(&self) -> Result<Health, StoreError>;
}
