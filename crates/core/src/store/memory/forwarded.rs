//! What destinations already have, in memory. The same rules as `lua/keep_forwarded.lua`.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    event::EventId,
    store::{ForwardedStore, StoreError, forwarded::FORWARDED_KEPT, send_times::ms},
};

#[async_trait]
impl ForwardedStore for MemoryStore {
    async fn forwarded(&self, event: &EventId) -> Result<Vec<String>, StoreError> {
        let (state, now) = self.step();
        Ok(state.forwarded.get(event, now).into_iter().flatten().cloned().collect())
    }

    async fn keep_forwarded(&self, event: &EventId, names: &[&str]) -> Result<(), StoreError> {
        let (mut state, now) = self.step();
        let mut known = state.forwarded.take(event, now).unwrap_or_default();
        known.extend(names.iter().map(|name| (*name).to_owned()));
        state.forwarded.put(event.clone(), known, now, ms(FORWARDED_KEPT));
        Ok(())
    }

    async fn forget_forwarded(&self, event: &EventId) -> Result<(), StoreError> {
        self.step().0.forwarded.remove(event);
        Ok(())
    }
}
