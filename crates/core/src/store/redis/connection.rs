//! How the store reaches Redis: the settings, and the one place that knows whether it is one server or a
//! cluster. One connection to each server is shared and multiplexed, for everything that answers at once;
//! blocking commands have one of their own.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, RedisError, RedisResult};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

use super::{
    cluster::Cluster,
    driver::DriverThread,
    keys::KeyPrefix,
    node::{Node, Timeouts},
    route::Route,
    shared::SharedConnection,
    url::{self, Target},
};

/// How to reach Redis. `Debug` hides the URL: it may hold a password.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://` or `rediss://`, and `redis+cluster://` or `rediss+cluster://` with some nodes of a cluster.
    pub url: SecretString,
    /// The authorities that sign the server's certificate, as PEM, instead of the system's; for TLS alone.
    pub authorities: Option<Vec<u8>>,
    /// What every key starts with.
    pub key_prefix: KeyPrefix,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take; later, the outcome is unknown. On a cluster, also how long a call that
    /// was sent elsewhere or put off is sent again.
    pub response_timeout: Duration,
    /// Replicas that must have a send, its settlement, a guess or an event before its answer counts; with 0 the
    /// primary's word is enough. When too few of them confirm within a second, the call is
    /// [`StoreError::Unconfirmed`](crate::store::StoreError::Unconfirmed) although the primary has it: a guess
    /// is then spent without a verdict. Costs a dedicated connection and a round trip to the replicas a call; events that
    /// come at the same time share them.
    pub min_replicas: u32,
    /// How many shards the events are in, from 1 to [`SHARDS_AT_MOST`](crate::store::SHARDS_AT_MOST). The first process
    /// of a fleet writes its number to Redis; under another one no event is written or read.
    pub shards: u16,
}

impl RedisSettings {
    /// Settings for this URL with the default prefix, 1 s to connect and 2 s to answer, and no replicas.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            authorities: None,
            key_prefix: KeyPrefix::default(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
            min_replicas: 0,
            shards: 1,
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
    #[error(
        "the Redis URL is not usable: write redis://[user:password@]host[:port][/db], \
         redis+cluster://[user:password@]host[:port],host[:port] or, for TLS, rediss://… or rediss+cluster://…"
    )]
    Url,
    /// The authorities are no certificates, or there is no TLS to use them for.
    #[error("the authorities of the Redis server must be certificates in PEM, and the URL one with TLS")]
    Authorities,
    /// The pool of dedicated connections could not be built.
    #[error("the pool of Redis connections could not be built: {0}")]
    Pool(String),
    /// The thread of the shared connection could not be started.
    #[error("the thread of the Redis connection could not be started: {0}")]
    Thread(std::io::Error),
}

pub(super) struct Connections {
    topology: Topology,
    /// Ends the thread on which the shared connections live when it is dropped.
    driver: DriverThread,
}

pub(super) enum Topology {
    Server(Arc<Node>),
    Cluster(Arc<Cluster>),
}

impl Connections {
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, RedisSetupError> {
        // rustls has no default provider in this build; a second installation is refused harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut target = url::parse(settings.url.expose_secret())?;
        if let Some(authorities) = &settings.authorities {
            target = target.trusting(authorities)?;
        }
        let driver = DriverThread::start().map_err(RedisSetupError::Thread)?;
        let timeouts = Timeouts { connect: settings.connect_timeout, response: settings.response_timeout };
        let topology = match target {
            Target::Server(info) => Topology::Server(Arc::new(Node::new(*info, timeouts, driver.handle())?)),
            Target::Cluster(seeds) => Topology::Cluster(Cluster::new(&seeds, timeouts, driver.handle())?),
        };
        Ok(Self { topology, driver })
    }

    /// The shared connection; on a cluster, each command goes to the owner of its key. Never send a blocking
    /// command on it.
    pub(super) fn shared(&self) -> SharedConnection<'_> {
        match &self.topology {
            Topology::Server(node) => SharedConnection::Server(node.shared()),
            Topology::Cluster(_) => SharedConnection::Cluster(&self.topology),
        }
    }

    /// The thread of the shared connections, for tasks of the store.
    pub(super) fn driver(&self) -> &Handle {
        self.driver.handle()
    }

    /// The way of this command.
    pub(super) fn route_of(&self, command: &Cmd) -> Route<'_> {
        Route::of(&self.topology, command)
    }

    /// The way to the server that owns `key`.
    pub(super) fn route(&self, key: &str) -> Route<'_> {
        Route::new(&self.topology, Some(key.as_bytes()))
    }

    /// Every server that calls go to: one, or the masters of a cluster.
    pub(super) async fn servers(&self) -> RedisResult<Vec<Arc<Node>>> {
        match &self.topology {
            Topology::Server(node) => Ok(vec![Arc::clone(node)]),
            Topology::Cluster(cluster) => cluster.masters().await,
        }
    }

    /// Has a cluster asked again who owns what, when this error says that it may have changed.
    pub(super) fn doubt(&self, error: &RedisError) {
        if let Topology::Cluster(cluster) = &self.topology
            && (error.is_io_error() || error.is_cluster_error())
        {
            cluster.doubt();
        }
    }
}
