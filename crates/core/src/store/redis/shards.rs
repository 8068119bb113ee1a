//! The number of shards: agreed by the fleet before anything is written or read.
//!
//! Where an event is follows from the number, so a process with another one would write where nobody reads. The
//! check is repeated now and then: an operator may rewrite the number while a process that was forgotten runs on.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use redis::{Value, aio::ConnectionLike};
use tokio::time::{Instant, timeout};

use super::{
    RedisStore,
    reply::number,
    script::{AGREE, QUIET_FOR, REWRITE_SHARDS},
};
use crate::store::{Backlog, Queue, ShardState, ShardStore, StoreError};

/// How long an agreement is taken for granted.
const AGREED_FOR: Duration = Duration::from_secs(30);
/// How often it is asked again while nobody answers, and how long the one who asks waits: other shards may be on
/// servers that are well.
const ASK_AGAIN: Duration = Duration::from_secs(5);
const ASK_AT_MOST: Duration = Duration::from_millis(200);

/// The number that this process is configured with, and what is known of whether it holds.
pub(super) struct Agreement {
    pub(super) configured: u16,
    /// It held, and is asked again from then on; none before somebody has answered, and after another number held.
    ask_again: Mutex<Option<Instant>>,
}

impl Agreement {
    pub(super) fn new(configured: u16) -> Self {
        Self { configured: configured.max(1), ask_again: Mutex::new(None) }
    }

    fn ask_again(&self) -> MutexGuard<'_, Option<Instant>> {
        self.ask_again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RedisStore {
    /// The shards, once it is known that the fleet has as many; the first to write or to read events writes its number.
    ///
    /// # Errors
    /// [`StoreError::OtherShards`] when another number holds.
    pub(super) async fn agreed_shards(&self) -> Result<u16, StoreError> {
        self.compared(async { self.agree_on_shards().await.map(Some) }).await
    }

    /// The same for who only looks, and must not decide for the fleet. Where nothing is written yet, there is nothing
    /// to be missed.
    ///
    /// # Errors
    /// As for [`RedisStore::agreed_shards`].
    pub(super) async fn shards_to_look_in(&self) -> Result<u16, StoreError> {
        self.compared(self.written_shards()).await
    }

    /// What is known stays known while nobody answers: the number is in one place, and the other shards must not depend
    /// on it.
    async fn compared(
        &self,
        asked: impl Future<Output = Result<Option<u16>, StoreError>>,
    ) -> Result<u16, StoreError> {
        let configured = self.agreement.configured;
        let has_held = match &mut *self.agreement.ask_again() {
            Some(then) if *then > Instant::now() => return Ok(configured),
            // One asks, however many come at the same time.
            Some(then) => {
                *then = Instant::now() + ASK_AGAIN;
                true
            }
            None => false,
        };
        let holds = if has_held {
            match timeout(ASK_AT_MOST, asked).await {
                Ok(Ok(holds)) => holds,
                Ok(Err(_)) | Err(_) => return Ok(configured),
            }
        } else {
            asked.await?
        };
        match holds {
            None => {}
            Some(holds) if holds == configured => {
                *self.agreement.ask_again() = Some(Instant::now() + AGREED_FOR);
            }
            Some(holds) => {
                *self.agreement.ask_again() = None;
                return Err(StoreError::OtherShards { configured, holds });
            }
        }
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

    async fn written_shards(&self) -> Result<Option<u16>, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.keys.shards());
        let written = get.query_async(&mut self.connections.shared()).await;
        written.map_err(|source| StoreError::Unavailable { action: "written_shards", source })
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

    async fn rewrite_shards(&self, from: Option<u16>, to: u16) -> Result<bool, StoreError> {
        let key = self.keys.shards();
        let keys = [key.as_str()];
        let from = from.map(|from| from.to_string()).unwrap_or_default();
        let call = REWRITE_SHARDS.on(&keys).bytes(from.as_str()).number(u64::from(to));
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

#[cfg(test)]
mod tests {
    use test_support::{TestRedis, eventually};

    use super::{super::RedisSettings, *};

    async fn agreed(server: &TestRedis) -> RedisStore {
        let mut settings = RedisSettings::new(server.url());
        settings.shards = 3;
        let store = RedisStore::new(&settings).unwrap();
        assert_eq!(store.agreed_shards().await.unwrap(), 3);
        store
    }

    fn grow_old(store: &RedisStore) {
        *store.agreement.ask_again() = Some(Instant::now());
    }

    #[tokio::test]
    async fn an_agreement_outlives_the_server_that_keeps_it_and_not_another_number() {
        let server = TestRedis::start().await;
        let (store, fresh) = (agreed(&server).await, agreed(&server).await);
        grow_old(&store);
        server.freeze();
        let both = futures_util::future::join(store.agreed_shards(), store.agreed_shards()).await;
        assert_eq!((both.0.unwrap(), both.1.unwrap()), (3, 3));
        let ask = store.agreement.ask_again().expect("it was not forgotten");
        assert!(ask <= Instant::now() + ASK_AGAIN, "it is asked again soon");
        server.thaw();
        assert!(fresh.rewrite_shards(Some(3), 4).await.unwrap());
        // Who asks again does not wait for long: a slow machine may need more than one try.
        let first = eventually(Duration::from_secs(20), "it is seen", async || {
            grow_old(&store);
            store.agreed_shards().await.err()
        })
        .await;
        for refused in [first, store.agreed_shards().await.unwrap_err()] {
            assert!(matches!(refused, StoreError::OtherShards { configured: 3, holds: 4 }), "{refused}");
        }
    }

    #[tokio::test]
    async fn nothing_is_agreed_before_somebody_answered() {
        let server = TestRedis::start().await;
        let mut settings = RedisSettings::new(server.url());
        settings.response_timeout = Duration::from_millis(100);
        let store = RedisStore::new(&settings).unwrap();
        server.kill();
        assert!(store.agreed_shards().await.is_err() && store.agreed_shards().await.is_err());
    }
}
