//! What destinations already have, in Redis.

use async_trait::async_trait;
use redis::Cmd;

use super::{
    RedisStore, ms,
    script::{Call, KEEP_FORWARDED},
};
use crate::{
    event::EventId,
    store::{ForwardedStore, StoreError, forwarded::FORWARDED_KEPT},
};

#[async_trait]
impl ForwardedStore for RedisStore {
    async fn forwarded(&self, event: &EventId) -> Result<Vec<String>, StoreError> {
        let names = Cmd::smembers(self.keys.forwarded(event));
        names
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "read what was forwarded", source })
    }

    async fn keep_forwarded(&self, event: &EventId, names: &[&str]) -> Result<(), StoreError> {
        let key = self.keys.forwarded(event);
        let keys = [key.as_str()];
        let call = KEEP_FORWARDED.on(&keys).number(ms(FORWARDED_KEPT));
        let call = names.iter().fold(call, Call::bytes);
        call.run_repeatable(&mut self.connections.shared()).await.map(drop)
    }

    async fn forget_forwarded(&self, event: &EventId) -> Result<(), StoreError> {
        let forget = Cmd::del(self.keys.forwarded(event));
        forget
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "forget what was forwarded", source })
    }
}
