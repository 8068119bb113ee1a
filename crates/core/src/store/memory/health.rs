//! What the embedded store says of itself.

use async_trait::async_trait;

use super::MemoryStore;
use crate::store::{Health, HealthStore, StoreError};

#[async_trait]
impl HealthStore for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let now_ms = self.step().1;
        Ok(Health {
            now_ms,
            server: "embedded store".into(),
            eviction: Some("noeviction".into()),
            append_only: Some(false),
        })
    }
}
