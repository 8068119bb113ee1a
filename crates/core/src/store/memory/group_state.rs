//! The operator's view of the groups in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::store::{DeadLetterStore, Detail, GroupState, GroupStore, StoreError};

#[async_trait]
impl GroupStore for MemoryStore {
    async fn group_states(&self, group: &str, detail: Detail) -> Result<Vec<GroupState>, StoreError> {
        let backlog = self.backlog().await?;
        let (state, now) = self.step();
        Ok(vec![GroupState { backlog, ..state.events.group_state(group, detail, now) }])
    }
}
