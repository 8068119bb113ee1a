//! The number of shards: agreed by the fleet before anything is written or read.
//!
//! Where an event is follows from the number, so a process with another one would write where nobody reads. The
//! check is repeated now and then: an operator may rewrite the number while a process that was forgotten runs on.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use redis::{Value, aio::ConnectionLike};
use tokio::time::Instant;

use super::{
    RedisStore,
    reply::number,
    script::{AGREE, QUIET_FOR, REWRITE_SHARDS},
};
use crate::store::{Backlog, Queue, ShardState, ShardStore, StoreError};

/// How long an agreement is taken for granted.
const AGREED_FOR: Duration = Duration::from_secs(30);

/// The number that this process is configured with, and when it was last seen to hold.
pub(super) struct Agreement {
    pub(super) configured: u16,
    seen: Mutex<Option<Instant>>,
}

impl Agreement {
    pub(super) fn new(configured: u16) -> Self {
        Self { configured: configured.max(1), seen: Mutex::new(None) }
    }

    fn is_fresh(&self) -> bool {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|seen| seen.elapsed() < AGREED_FOR)
    }

    fn set(&self, seen: Option<Instant>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

impl RedisStore {
    /// The shards, once it is known that the fleet has as many.
    ///
    /// # Errors
    /// [`StoreError::OtherShards`] when another number holds.
    pub(super) async fn agreed_shards(&self) -> Result<u16, StoreError> {
        let configured = self.agreement.configured;
        if self.agreement.is_fresh() {
            return Ok(configured);
        }
        let holds = self.agree_on_shards().await?;
        if holds != configured {
            self.agreement.set(None);
            return Err(StoreError::OtherShards { configured, holds });
        }
        self.agreement.set(Some(Instant::now()));
        Ok(configured)
    }
}

#[async_trait]
impl ShardStore for RedisStore {
    async fn agree_on_shards(&self) -> Result<u16, StoreError> {
        let key = self.keys.shards();
        let keys = [key.as_str()];
        let call = AGREE.on(&keys).number(u64::from(self.agreement.configured));
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&reply).and_then(|holds| u16::try_from(holds).ok()).ok_or_else(|| call.unreadable())
    }

    async fn shard_states(&self, shards: u16) -> Result<Vec<ShardState>, StoreError> {
        let mut connection = self.connections.shared();
        let mut states = Vec::new();
        for shard in 0..shards {
            let backlog = self.backlog_of(shard, &mut connection).await?;
            let keys = [Queue::Events, Queue::Quarantine].map(|queue| self.keys.queue(shard, queue));
            let keys = keys.each_ref().map(String::as_str);
            let call = QUIET_FOR.on(&keys);
            let reply = call.run_repeatable(&mut connection).await?;
            let Value::Int(quiet_ms) = reply else { return Err(call.unreadable()) };
            let quiet_for = u64::try_from(quiet_ms).ok().map(Duration::from_millis);
            states.push(ShardState { backlog, quiet_for });
        }
        Ok(states)
    }

    async fn rewrite_shards(&self, from: u16, to: u16) -> Result<bool, StoreError> {
        let key = self.keys.shards();
        let keys = [key.as_str()];
        let call = REWRITE_SHARDS.on(&keys).number(u64::from(from)).number(u64::from(to));
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|written| written == 1).ok_or_else(|| call.unreadable())
    }
}

impl RedisStore {
    pub(super) async fn backlog_of(
        &self,
        shard: u16,
        connection: &mut impl ConnectionLike,
    ) -> Result<Backlog, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("XLEN")
            .arg(self.keys.queue(shard, Queue::Events))
            .cmd("ZCARD")
            .arg(self.keys.due(shard))
            .cmd("XLEN")
            .arg(self.keys.dead_letters(shard))
            .cmd("XLEN")
            .arg(self.keys.queue(shard, Queue::Quarantine));
        let counts = pipeline.query_async(connection).await;
        let (events, delayed, dead_letters, quarantined) =
            counts.map_err(|source| StoreError::Unavailable { action: "backlog", source })?;
        Ok(Backlog { events, delayed, dead_letters, quarantined })
    }
}
