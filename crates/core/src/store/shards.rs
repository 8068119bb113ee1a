//! The port for the number of shards: agreed by the fleet, looked at and rewritten by an operator.

use std::time::Duration;

use async_trait::async_trait;

use super::{Backlog, StoreError};

/// The most shards that events can be in. A worker has a connection of its own to each.
pub const SHARDS_AT_MOST: u16 = 64;

/// What is in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardState {
    /// How many events are where.
    pub backlog: Backlog,
    /// Time since something was last put on its stream or into its quarantine; none when nothing ever was.
    pub quiet_for: Option<Duration>,
}

/// Keeps how many shards there are. Where an event is follows from that number, so processes that have different
/// ones would not find each other's events: a store refuses to work under another number than the one that holds.
#[async_trait]
pub trait ShardStore: Send + Sync {
    /// The number that holds. The first process to ask writes its own.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn agree_on_shards(&self) -> Result<u16, StoreError>;

    /// The number that holds, without writing one; none before a process has published or read events.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn written_shards(&self) -> Result<Option<u16>, StoreError>;

    /// What is in each of the first `shards` shards, whatever number this process is configured with.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn shard_states(&self, shards: u16) -> Result<Vec<ShardState>, StoreError>;

    /// Makes `to` the number that holds, if what [`ShardStore::written_shards`] says is `from`; returns whether it was.
    /// Nothing is moved.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be written.
    async fn rewrite_shards(&self, from: Option<u16>, to: u16) -> Result<bool, StoreError>;
}
