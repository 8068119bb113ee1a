//! What an operator wants to know of a Redis.

use async_trait::async_trait;
use redis::aio::ConnectionLike;

use super::RedisStore;
use crate::store::{Health, HealthStore, StoreError};

#[async_trait]
impl HealthStore for RedisStore {
    async fn ping(&self) -> Result<(), StoreError> {
        redis::cmd("PING")
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "ping", source })
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let mut connection = self.connections.shared();
        let unavailable = |source| StoreError::Unavailable { action: "health", source };
        let (seconds, micros): (u64, u64) =
            redis::cmd("TIME").query_async(&mut connection).await.map_err(unavailable)?;
        let info: String =
            redis::cmd("INFO").arg("server").query_async(&mut connection).await.map_err(unavailable)?;
        Ok(Health {
            now_ms: seconds * 1000 + micros / 1000,
            server: server(&info),
            eviction: setting(&mut connection, "maxmemory-policy").await,
            append_only: setting(&mut connection, "appendonly").await.map(|value| value == "yes"),
        })
    }
}

/// Valkey keeps an old `redis_version` for compatibility; its own field says what it is.
fn server(info: &str) -> String {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match (field("valkey_version:"), field("redis_version:")) {
        (Some(version), _) => format!("Valkey {version}"),
        (None, Some(version)) => format!("Redis {version}"),
        (None, None) => "unknown".into(),
    }
}

/// Managed services often refuse `CONFIG GET`: then the setting is unknown, which is not a fault.
async fn setting(connection: &mut impl ConnectionLike, name: &str) -> Option<String> {
    let answer: Result<Vec<String>, _> =
        redis::cmd("CONFIG").arg("GET").arg(name).query_async(connection).await;
    answer.ok().and_then(|pair| pair.into_iter().nth(1))
}
