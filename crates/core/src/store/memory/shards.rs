//! One process has one shard.

use async_trait::async_trait;

use super::MemoryStore;
use crate::store::{DeadLetterStore, EventStore, ShardState, ShardStore, StoreError};

#[async_trait]
impl ShardStore for MemoryStore {
    async fn agree_on_shards(&self) -> Result<u16, StoreError> {
        Ok(self.shards())
    }

    async fn written_shards(&self) -> Result<Option<u16>, StoreError> {
        Ok(Some(self.shards()))
    }

    async fn shard_states(&self, shards: u16) -> Result<Vec<ShardState>, StoreError> {
        let state = ShardState { backlog: self.backlog().await?, quiet_for: None };
        Ok(vec![state; usize::from(shards.min(1))])
    }

    async fn rewrite_shards(&self, _from: Option<u16>, _to: u16) -> Result<bool, StoreError> {
        Ok(false)
    }
}
