//! Connections: one shared and multiplexed for everything that answers at once, and one for each blocking
//! reader. The pool opens those within its deadlines; a reader detaches its own for good.

use std::time::Duration;

use deadpool_redis::{Manager, Pool, Runtime};
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    driver::{DriverThread, HostedConnection},
    keys::KeyPrefix,
};
use crate::store::StoreError;

/// How long a blocking read may wait in Redis, at most.
pub(super) const MAX_BLOCK: Duration = Duration::from_secs(2);
/// A reply later than this means an unknown outcome, whatever Redis does with the command.
const DEDICATED_RESPONSE: Duration = Duration::from_secs(4);
/// How long written bytes may stay unacknowledged (RFC 5482).
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(5);
const DEDICATED_CONNECTIONS: usize = 16;
/// Commands that may wait on the shared connection; more callers wait for a place.
const PIPELINE: usize = 1024;
/// Bytes that are written without waiting for more: about ten commands. Redis then works on the first ones
/// while the next ones are still being put together, instead of taking turns with the client.
const WRITE_BYTES: usize = 3 * 1024;

/// How to reach Redis. `Debug` hides the URL: it may hold a password.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://` or `rediss://`.
    pub url: SecretString,
    /// What every key starts with.
    pub key_prefix: KeyPrefix,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take; later, the outcome is unknown.
    pub response_timeout: Duration,
}

impl RedisSettings {
    /// Settings for this URL with the default prefix, 1 s to connect and 2 s to answer.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            key_prefix: KeyPrefix::default(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
        }
    }
}

impl std::fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisSettings").field("key_prefix", &self.key_prefix).finish_non_exhaustive()
    }
}

/// The Redis URL cannot be used. Never contains the URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisSetupError {
    /// Not a URL that this version knows.
    #[error("the Redis URL is not usable: write redis://[user:password@]host[:port][/db] or rediss://…")]
    Url,
    /// The pool of dedicated connections could not be built.
    #[error("the pool of Redis connections could not be built: {0}")]
    Pool(String),
    /// The thread of the shared connection could not be started.
    #[error("the thread of the Redis connection could not be started: {0}")]
    Thread(std::io::Error),
}

pub(super) struct Connections {
    shared: ConnectionManager,
    driver: DriverThread,
    dedicated: Pool,
}

impl Connections {
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, RedisSetupError> {
        // rustls has no default provider in this build; a second installation is refused harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let info = settings.url.expose_secret().into_connection_info().map_err(|_| RedisSetupError::Url)?;
        // Nagle's algorithm would hold small pipelined writes back for a round trip.
        let tcp = TcpSettings::default().set_nodelay(true);
        // A peer that died without a word is noticed within seconds, not when the kernel gives up.
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(USER_TIMEOUT);
        // Replies are read as RESP2, whatever the URL asks for.
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        let info = info.set_tcp_settings(tcp).set_redis_settings(redis);

        let client = Client::open(info.clone()).map_err(|_| RedisSetupError::Url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(settings.connect_timeout))
            .set_response_timeout(Some(settings.response_timeout))
            .set_pipeline_buffer_size(PIPELINE)
            .set_write_backpressure_boundary(WRITE_BYTES)
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(500));
        let shared =
            ConnectionManager::new_lazy_with_config(client, config).map_err(|_| RedisSetupError::Url)?;

        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.connect_timeout))
            .set_response_timeout(Some(DEDICATED_RESPONSE));
        let manager = Manager::new_with_config(info, config).map_err(|_| RedisSetupError::Url)?;
        let dedicated = Pool::builder(manager)
            .max_size(DEDICATED_CONNECTIONS)
            .wait_timeout(Some(settings.connect_timeout))
            .create_timeout(Some(settings.connect_timeout))
            .recycle_timeout(Some(settings.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| RedisSetupError::Pool(error.to_string()))?;
        let driver = DriverThread::start().map_err(RedisSetupError::Thread)?;
        Ok(Self { shared, driver, dedicated })
    }

    /// A handle on the shared connection. Never send a blocking command on it.
    pub(super) fn shared(&self) -> HostedConnection {
        self.driver.host(self.shared.clone())
    }

    /// A connection for blocking reads. Drop it for good after an error: a reply may still come.
    pub(super) async fn dedicated(
        &self,
        action: &'static str,
    ) -> Result<deadpool_redis::Connection, StoreError> {
        self.dedicated.get().await.map_err(|error| match error {
            deadpool_redis::PoolError::Backend(source) => StoreError::Unavailable { action, source },
            _ => StoreError::NoConnection { action },
        })
    }
}
