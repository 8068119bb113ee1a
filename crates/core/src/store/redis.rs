//! The store for fleets: Redis 6.2 or later, one server, a primary that Sentinel watches over, or a cluster, through one shared multiplexed
//! connection to each server.
//!
//! `keys` is the whole schema, `scripts` lists every Lua script, and there is one file per port. Blocking
//! reads have a connection of their own, which a pool opens within its deadlines: a blocking command on the
//! shared one would stall everybody behind it. The ports do not know which topology they talk to: that is
//! `connection`, `route`, `sentinel` and `cluster`.

mod breakers;
mod cluster;
mod codes;
mod connection;
mod consents;
mod dead_letters;
mod deliveries;
mod driver;
mod durable;
mod erasures;
mod events;
mod forwarded;
mod group_state;
mod grouped;
mod health;
mod idempotency;
mod keys;
mod limits;
mod node;
mod packed;
mod phones;
mod position;
mod quarantine;
mod reader;
mod refusal;
mod replies;
mod reply;
mod route;
mod script;
mod sentinel;
mod shards;
mod shared;
mod tokens;
mod url;

use std::{sync::Arc, time::Duration};

pub use connection::{RedisSettings, RedisSetupError};
pub use keys::{InvalidPrefix, KeyPrefix, LIFETIMES, Lifetime};
pub use script::{ScriptInfo, scripts};

use self::{connection::Connections, grouped::Grouped, script::PUBLISH, shards::Agreement};

/// A store in Redis. Cloning shares the connections.
#[derive(Clone)]
pub struct RedisStore {
    connections: Arc<Connections>,
    keys: KeyPrefix,
    /// How many replicas must have what was written; see `durable`.
    min_replicas: u32,
    /// How events are published when replicas must have them: one for each shard.
    grouped: Vec<Grouped>,
    agreement: Arc<Agreement>,
}

impl RedisStore {
    /// Prepares the store without waiting for Redis: the first call connects.
    ///
    /// # Errors
    /// [`RedisSetupError`] when the URL cannot be used.
    pub fn new(settings: &RedisSettings) -> Result<Self, RedisSetupError> {
        let connections = Arc::new(Connections::new(settings)?);
        let min_replicas = settings.min_replicas;
        let agreement = Arc::new(Agreement::new(settings.shards));
        let groups = if min_replicas > 0 { agreement.configured } else { 0 };
        let start = |_| Grouped::start(Arc::clone(&connections), &PUBLISH, min_replicas);
        let grouped = (0..groups).map(start).collect();
        Ok(Self { connections, keys: settings.key_prefix.clone(), min_replicas, grouped, agreement })
    }
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.keys).finish_non_exhaustive()
    }
}

/// Milliseconds for a script argument; durations in this crate are bounded far below `u64`.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
