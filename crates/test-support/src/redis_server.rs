//! A Redis server of one's own: a child process on a free port, in a temporary directory.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use crate::{Monitor, RedisDump, eventually_true, free_port, redis_dump, signal};

pub(crate) mod launch;
mod settings;

pub use settings::{Fsync, TestRedisBuilder};

const STOP_DEADLINE: Duration = Duration::from_secs(20);
const REPLICA_DEADLINE: Duration = Duration::from_secs(20);
const START_ATTEMPTS: usize = 10;

/// A `redis-server` child process: no persistence and `noeviction` unless asked otherwise, killed on drop.
///
/// It can be stopped, killed, frozen and started again on the same port and directory through a shared
/// reference, so that a test may do so while its clients run.
#[derive(Debug)]
pub struct TestRedis {
    /// `None` while the server is down.
    child: Mutex<Option<Child>>,
    port: u16,
    settings: TestRedisBuilder,
    dir: TempDir,
}

impl TestRedis {
    /// Starts a server without password and persistence.
    ///
    /// # Panics
    /// When `redis-server` is missing or does not start.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server with other settings: `TestRedis::builder().aof(Fsync::Always).start().await`.
    pub fn builder() -> TestRedisBuilder {
        TestRedisBuilder::default()
    }

    /// The address for Redis clients, with the password if there is one.
    pub fn url(&self) -> String {
        self.settings.url(self.port)
    }

    /// The port on 127.0.0.1. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address on 127.0.0.1, to put a [`FaultProxy`](crate::FaultProxy) before it.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The process id.
    ///
    /// # Panics
    /// While the server is down.
    pub fn pid(&self) -> u32 {
        self.child().as_ref().expect("the Redis server is running").id()
    }

    /// A new connection of its own, with a response timeout of 5 s.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn connection(&self) -> MultiplexedConnection {
        launch::connect(&self.url())
            .await
            .unwrap_or_else(|error| panic!("connecting to the test's Redis: {error}"))
    }

    /// Starts a replica of this server and waits until it has caught up. Freeze it, and `WAIT` waits.
    ///
    /// # Panics
    /// When it does not catch up within 20 s.
    pub async fn replica(&self) -> Self {
        let replica = Self::builder().start().await;
        replica.follow(self).await;
        replica
    }

    /// Makes it a replica of another server, and waits until it has caught up.
    ///
    /// # Panics
    /// When it has not within 20 s.
    pub async fn follow(&self, primary: &Self) {
        // By default a primary waits five seconds for more replicas before it sends its data.
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("repl-diskless-sync-delay").arg(0);
        let _: () = set.query_async(&mut primary.connection().await).await.expect("the primary answers");
        let mut follow = redis::cmd("REPLICAOF");
        follow.arg("127.0.0.1").arg(primary.port);
        let _: () = follow.query_async(&mut self.connection().await).await.expect("the replica answers");
        eventually_true(REPLICA_DEADLINE, "the replica has caught up", async || {
            let info: redis::RedisResult<redis::InfoDict> =
                redis::cmd("INFO").arg("replication").query_async(&mut self.connection().await).await;
            info.is_ok_and(|info| info.get::<String>("master_link_status").as_deref() == Some("up"))
        })
        .await;
        // The primary counts it for `WAIT` only from its first acknowledgement on.
        let online = format!("port={},state=online", self.port);
        eventually_true(REPLICA_DEADLINE, "the primary counts the replica", async || {
            let info: redis::RedisResult<String> =
                redis::cmd("INFO").arg("replication").query_async(&mut primary.connection().await).await;
            info.is_ok_and(|info| info.contains(&online))
        })
        .await;
    }

    /// Makes it a primary: `REPLICAOF NO ONE`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn lead(&self) {
        let mut lead = redis::cmd("REPLICAOF");
        lead.arg("NO").arg("ONE");
        let _: () = lead.query_async(&mut self.connection().await).await.expect("the server answers");
    }

    /// Stops the server as an operator would (SIGTERM) and waits until it has ended.
    ///
    /// # Panics
    /// When it is down already, or does not end in time.
    pub async fn stop(&self) {
        let mut child = self.child().take().expect("the Redis server is running");
        signal::send(child.id(), "TERM");
        signal::wait_for_exit(&mut child, STOP_DEADLINE, "redis-server ends after SIGTERM").await;
    }

    /// Kills the server (SIGKILL) and waits until it has ended. Nothing happens when it is down already.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            signal::kill_and_reap(&mut child);
        }
    }

    /// Starts the server again on the same port and directory, after killing it if it still runs. With
    /// persistence it has its data back when this returns; without, it is empty.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&self) {
        self.kill();
        let child = launch::launch(&self.settings, self.dir.path(), self.port)
            .await
            .unwrap_or_else(|taken| panic!("redis-server does not start again: {taken}"));
        *self.child() = Some(child);
    }

    /// Stops the process in its tracks (SIGSTOP): connections stay open and nothing answers.
    pub fn freeze(&self) {
        signal::send(self.pid(), "STOP");
    }

    /// Lets a frozen process go on (SIGCONT).
    pub fn thaw(&self) {
        signal::send(self.pid(), "CONT");
    }

    /// Records every command that the server runs from now on.
    pub async fn monitor(&self) -> Monitor {
        Monitor::start(self.addr(), self.settings.password.as_deref(), self.connection().await).await
    }

    /// Every key with its type, lifetime and raw contents, as of now.
    pub async fn dump_all(&self) -> RedisDump {
        redis_dump::dump_all(&mut self.connection().await).await
    }

    /// The keys that never expire, sorted.
    pub async fn keys_without_ttl(&self) -> Vec<String> {
        self.dump_all().await.keys_without_ttl()
    }

    /// The port of the cluster's bus.
    pub(crate) fn bus_port(&self) -> u16 {
        self.settings.bus_port.expect("a node of a cluster")
    }

    async fn start_with(mut settings: TestRedisBuilder) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for _ in 0..START_ATTEMPTS {
            let port = free_port();
            settings.bus_port = settings.bus_port.map(|_| free_port());
            // A refusal means that another process took the port first.
            if let Ok(child) = launch::launch(&settings, dir.path(), port).await {
                return Self { child: Mutex::new(Some(child)), port, settings, dir };
            }
        }
        panic!("redis-server found no free port in {START_ATTEMPTS} attempts");
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}
