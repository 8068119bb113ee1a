//! How the store reaches Redis: the settings, and the one place that knows whether it is one server, one
//! that Sentinel names, or a cluster. One connection to each server is shared and multiplexed, for everything that answers at once;
//! blocking commands have one of their own.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, RedisError, RedisResult};
use secrecy::{ExposeSecret, SecretString};
use tokio::{runtime::Handle, time::Instant};

use super::{
    cluster::Cluster,
    driver::DriverThread,
    keys::KeyPrefix,
    node::{Node, Timeouts},
    route::Route,
    sentinel::Sentinel,
    shared::SharedConnection,
    url::{self, Target},
};

/// How to reach Redis. `Debug` hides the URL: it may hold a password.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://` or `rediss://`; `redis+sentinel://` or `rediss+sentinel://` with the sentinels and the primary's name;
    /// `redis+cluster://` or `rediss+cluster://` with some nodes of a cluster.
    pub url: SecretString,
    /// Who asks the sentinels, where they have users. The user in the URL is for the servers alone.
    pub sentinel_user: Option<String>,
    /// The sentinels' password, where they have one. The password in the URL is for the servers alone.
    pub sentinel_password: Option<SecretString>,
    /// The authorities that sign the server's certificate, as PEM, instead of the system's; for TLS alone.
    pub authorities: Option<Vec<u8>>,
    /// What every key starts with.
    pub key_prefix: KeyPrefix,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take; later, the outcome is unknown. On a cluster, also how long a call that
    /// was sent elsewhere or put off is sent again; with sentinels, how long it waits for a primary.
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
            sentinel_user: None,
            sentinel_password: None,
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
         redis+sentinel://[user:password@]host[:port],host[:port]/name, \
         redis+cluster://[user:password@]host[:port],host[:port] or, for TLS, rediss://…, rediss+sentinel://… \
         or rediss+cluster://…"
    )]
    Url,
    /// The authorities are no certificates, or there is no TLS to use them for.
    #[error("the authorities of the Redis server must be certificates in PEM, and the URL one with TLS")]
    Authorities,
    /// Credentials for sentinels that are not there, or a user without a password.
    #[error("a user and a password of sentinels need redis+sentinel://, and the user needs the password")]
    Credentials,
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
    Sentinel(Sentinel),
    Cluster(Arc<Cluster>),
}

impl Connections {
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, RedisSetupError> {
        // rustls has no default provider in this build; a second installation is refused harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut target = url::parse(settings.url.expose_secret())?;
        if settings.sentinel_user.is_some() || settings.sentinel_password.is_some() {
            let password = settings.sentinel_password.as_ref().ok_or(RedisSetupError::Credentials)?;
            target = target.asking_as(settings.sentinel_user.as_deref(), password.expose_secret())?;
        }
        if let Some(authorities) = &settings.authorities {
            target = target.trusting(authorities)?;
        }
        let driver = DriverThread::start().map_err(RedisSetupError::Thread)?;
        let timeouts = Timeouts { connect: settings.connect_timeout, response: settings.response_timeout };
        let topology = match target {
            Target::Server(info) => Topology::Server(Arc::new(Node::new(*info, timeouts, driver.handle())?)),
            Target::Sentinel { sentinels, name, server } => {
                Topology::Sentinel(Sentinel::new(sentinels, name, *server, timeouts, driver.handle())?)
            }
            Target::Cluster(seeds) => Topology::Cluster(Cluster::new(&seeds, timeouts, driver.handle())?),
        };
        Ok(Self { topology, driver })
    }

    /// The shared connection; on a cluster, each command goes to the owner of its key. Never send a blocking
    /// command on it.
    pub(super) fn shared(&self) -> SharedConnection<'_> {
        match &self.topology {
            Topology::Server(node) => SharedConnection::Server(node.shared()),
            topology => SharedConnection::Routed(topology),
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
            Topology::Sentinel(sentinel) => {
                Ok(vec![sentinel.primary(Instant::now() + sentinel.patience()).await?])
            }
            Topology::Cluster(cluster) => cluster.masters().await,
        }
    }

    /// Takes an error of this server: who is where may have changed, and is asked again.
    pub(super) fn doubt(&self, node: &Arc<Node>, error: &RedisError) {
        match &self.topology {
            Topology::Server(_) => {}
            Topology::Sentinel(sentinel) => sentinel.doubt(node, error),
            Topology::Cluster(cluster) if error.is_io_error() || error.is_cluster_error() => cluster.doubt(),
            Topology::Cluster(_) => {}
        }
    }

    /// Replicas did not confirm: they may have another primary by now.
    pub(super) fn look_for_the_primary(&self) {
        if let Topology::Sentinel(sentinel) = &self.topology {
            sentinel.look();
        }
    }

    /// Whether the sentinels still have calls go to this server. A cluster says so in its answers.
    pub(super) fn is_left(&self, node: &Arc<Node>) -> bool {
        matches!(&self.topology, Topology::Sentinel(sentinel) if !sentinel.is_primary(node))
    }

    /// What names the servers, if something does.
    pub(super) fn sentinel(&self) -> Option<&Sentinel> {
        match &self.topology {
            Topology::Sentinel(sentinel) => Some(sentinel),
            _ => None,
        }
    }
}
