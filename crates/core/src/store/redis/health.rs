//! What an operator wants to know of a Redis.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use redis::{RedisResult, aio::ConnectionLike};

use super::{
    RedisStore,
    node::{Node, is_primary},
};
use crate::store::{Health, HealthStore, StoreError};

#[async_trait]
impl HealthStore for RedisStore {
    /// On a cluster, every master has to answer: each one that does not is a share of the phones that get no
    /// codes.
    async fn ping(&self) -> Result<(), StoreError> {
        // A replica that was the primary answers PING.
        match self.connections.sentinel() {
            Some(_) => self.of_every_server("ping", role).await.map(drop),
            None => self.of_every_server("ping", ping).await.map(drop),
        }
    }

    /// On a cluster, the settings of the master that is worst off.
    async fn health(&self) -> Result<Health, StoreError> {
        let all = self.of_every_server("health", health).await?;
        let masters = all.len();
        let worst = all.into_iter().reduce(worse).ok_or(StoreError::NoConnection { action: "health" })?;
        if let Some(sentinel) = self.connections.sentinel() {
            let (votes, sentinels) = sentinel.votes().await;
            let server = format!("{}, the primary that {votes} of {sentinels} sentinels name", worst.server);
            return Ok(Health { server, ..worst });
        }
        Ok(match masters {
            1 => worst,
            _ => Health { server: format!("{}, a cluster of {masters} masters", worst.server), ..worst },
        })
    }
}

impl RedisStore {
    /// Asks every server at the same time.
    async fn of_every_server<T>(
        &self,
        action: &'static str,
        ask: impl AsyncFn(&Node) -> RedisResult<T>,
    ) -> Result<Vec<T>, StoreError> {
        let unavailable = |source| StoreError::Unavailable { action, source };
        let servers = self.connections.servers().await.map_err(unavailable)?;
        let several = servers.len() > 1;
        try_join_all(servers.iter().map(async |server| {
            ask(server).await.map_err(|source| {
                self.connections.doubt(server, &source);
                match &server.address {
                    Some(address) if several => {
                        StoreError::MasterUnavailable { action, master: address.to_string(), source }
                    }
                    _ => unavailable(source),
                }
            })
        }))
        .await
    }
}

async fn ping(server: &Node) -> RedisResult<()> {
    redis::cmd("PING").query_async(&mut server.shared()).await
}

async fn role(server: &Node) -> RedisResult<()> {
    is_primary(&mut server.shared()).await
}

async fn health(server: &Node) -> RedisResult<Health> {
    let mut connection = server.shared();
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    Ok(Health {
        now_ms: seconds * 1000 + micros / 1000,
        server: version(&info),
        eviction: setting(&mut connection, "maxmemory-policy").await,
        append_only: setting(&mut connection, "appendonly").await.map(|value| value == "yes"),
    })
}

/// Of two masters: what should worry the operator. A setting that cannot be read hides nothing that can.
fn worse(one: Health, other: Health) -> Health {
    let evicts = |health: &Health| health.eviction.as_deref().is_some_and(|policy| policy != "noeviction");
    let append_only = match (one.append_only, other.append_only) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (known, unknown) => known.and(unknown),
    };
    let eviction = match (evicts(&one), evicts(&other)) {
        (false, true) => other.eviction,
        (true, _) => one.eviction,
        (false, false) => one.eviction.and(other.eviction),
    };
    Health { eviction, append_only, ..one }
}

/// Valkey keeps an old `redis_version` for compatibility; its own field says what it is.
fn version(info: &str) -> String {
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
