//! One Redis server: a shared connection for everything that answers at once, and a pool that opens the
//! dedicated ones within its deadlines.

use std::{fmt, time::Duration};

use deadpool_redis::{Hook, HookError, Manager, Pool, PoolBuilder, PoolError, Runtime};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};
use tokio::runtime::Handle;

use super::{
    RedisSetupError,
    driver::{HostedConnection, Shared},
    refusal,
    reply::Reply,
};
use crate::store::StoreError;

/// How long a blocking read may wait in Redis, at most.
pub(super) const MAX_BLOCK: Duration = Duration::from_secs(2);
/// A reply later than this means an unknown outcome, whatever Redis does with the command.
const DEDICATED_RESPONSE: Duration = Duration::from_secs(4);
const DEDICATED_CONNECTIONS: usize = 16;
/// Commands that may wait on the shared connection; more callers wait for a place.
const PIPELINE: usize = 1024;
/// Bytes that are written without waiting for more: about ten commands. Redis then works on the first ones
/// while the next ones are still being put together, instead of taking turns with the client.
const WRITE_BYTES: usize = 3 * 1024;

/// How long a server may take.
#[derive(Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    pub(super) response: Duration,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Address {
    /// None for a path of a socket file.
    pub(super) fn of(info: &ConnectionInfo) -> Option<Self> {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Self { host: host.clone(), port: *port })
            }
            _ => None,
        }
    }

    /// `host:port` as a redirect from `asked` has it; no host means the same one.
    pub(super) fn named(redirect: &str, asked: &Node) -> Option<Self> {
        let (host, port) = redirect.rsplit_once(':')?;
        let port = port.parse().ok()?;
        match host {
            "" => Some(Self { host: asked.address.as_ref()?.host.clone(), port }),
            host => Some(Self { host: host.to_owned(), port }),
        }
    }
}

/// A server with its connections, none of which is opened before it is needed.
pub(super) struct Node {
    /// None for a server behind a socket file.
    pub(super) address: Option<Address>,
    shared: Shared,
    dedicated: Pool,
    driver: Handle,
}

impl Node {
    pub(super) fn new(
        info: ConnectionInfo,
        timeouts: Timeouts,
        driver: &Handle,
    ) -> Result<Self, RedisSetupError> {
        let address = Address::of(&info);
        let client = Client::open(info.clone()).map_err(|_| RedisSetupError::Url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeouts.connect))
            .set_response_timeout(Some(timeouts.response))
            .set_pipeline_buffer_size(PIPELINE)
            .set_write_backpressure_boundary(WRITE_BYTES)
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(500));
        let shared = {
            let _entered = driver.enter();
            ConnectionManager::new_lazy_with_config(client, config).map_err(|_| RedisSetupError::Url)?
        };

        let dedicated =
            dedicated(info, timeouts)?.build().map_err(|error| RedisSetupError::Pool(error.to_string()))?;
        Ok(Self { address, shared: Shared::Lasting(shared), dedicated, driver: driver.clone() })
    }

    /// A server that is a primary at the moment, with its shared connection open: to be called on the driver's thread.
    /// That one ends when it is lost, and every dedicated one is asked for its role when it is opened.
    ///
    /// # Errors
    /// When it does not answer, or is no primary.
    pub(super) async fn of_primary(
        info: ConnectionInfo,
        timeouts: Timeouts,
        driver: &Handle,
    ) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeouts.connect))
            .set_response_timeout(Some(timeouts.response))
            .set_pipeline_buffer_size(PIPELINE)
            .set_write_backpressure_boundary(WRITE_BYTES);
        let client = Client::open(info.clone())?;
        let mut shared = client.get_multiplexed_async_connection_with_config(&config).await?;
        is_primary(&mut shared).await?;
        let role = Hook::async_fn(|connection: &mut redis::aio::MultiplexedConnection, _| {
            Box::pin(async { is_primary(connection).await.map_err(HookError::Backend) })
        });
        let unusable = |error: RedisSetupError| {
            RedisError::from((ErrorKind::InvalidClientConfig, "the server cannot be used", error.to_string()))
        };
        let address = Address::of(&info);
        let dedicated = dedicated(info, timeouts).map_err(unusable)?.post_create(role).build();
        let dedicated = dedicated.map_err(|error| unusable(RedisSetupError::Pool(error.to_string())))?;
        Ok(Self { address, shared: Shared::Single(shared), dedicated, driver: driver.clone() })
    }

    /// A handle on the shared connection. Never send a blocking command on it.
    pub(super) fn shared(&self) -> HostedConnection {
        HostedConnection::new(self.shared.clone(), self.driver.clone())
    }

    /// A connection for blocking commands. Drop it for good after an error: a reply may still come.
    pub(super) async fn dedicated(
        &self,
        action: &'static str,
    ) -> Result<deadpool_redis::Connection, StoreError> {
        self.dedicated.get().await.map_err(|error| match error {
            PoolError::Backend(source) | PoolError::PostCreateHook(HookError::Backend(source)) => {
                StoreError::Unavailable { action, source }
            }
            _ => StoreError::NoConnection { action },
        })
    }
}

fn dedicated(info: ConnectionInfo, timeouts: Timeouts) -> Result<PoolBuilder, RedisSetupError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeouts.connect))
        .set_response_timeout(Some(DEDICATED_RESPONSE));
    let manager = Manager::new_with_config(info, config).map_err(|_| RedisSetupError::Url)?;
    Ok(Pool::builder(manager)
        .max_size(DEDICATED_CONNECTIONS)
        .wait_timeout(Some(timeouts.connect))
        .create_timeout(Some(timeouts.connect))
        .recycle_timeout(Some(timeouts.connect))
        .runtime(Runtime::Tokio1))
}

/// Asks the server what it is.
///
/// # Errors
/// When it is no primary.
pub(super) async fn is_primary(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    let answer: Value = redis::cmd("ROLE").query_async(connection).await?;
    match Reply::new(answer).and_then(|mut role| role.text()) {
        Some(role) if role == "master" => Ok(()),
        role => Err(refusal::no_primary(&role.unwrap_or_default())),
    }
}
