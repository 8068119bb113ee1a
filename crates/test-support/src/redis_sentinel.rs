//! A primary of one's own with two replicas, and three sentinels that put a replica in its place when it is gone.

use std::fmt::Write as _;
use std::process::Child;
use std::time::Duration;

use redis::{FromRedisValue, RedisResult, cmd};
use tempfile::TempDir;

use crate::redis_server::launch;
use crate::{TestRedis, TestRedisBuilder, eventually, eventually_true, free_port, signal};

const SENTINELS: usize = 3;
const NAME: &str = "primary";
const FORM_DEADLINE: Duration = Duration::from_secs(30);
const FAILOVER_DEADLINE: Duration = Duration::from_secs(30);
const START_ATTEMPTS: usize = 10;
/// A primary that says nothing for so long is down. Not the same for all: those that notice at once all vote for
/// themselves, and have to wait before they vote again.
const DOWN_AFTER_MS: [u64; SENTINELS] = [500, 700, 900];

/// Three servers, of which the first begins as the primary, and three sentinels. They end with the value.
#[derive(Debug)]
pub struct RedisSentinel {
    nodes: Vec<TestRedis>,
    sentinels: Vec<Watcher>,
    passwords: Option<Passwords>,
}

#[derive(Debug)]
struct Passwords {
    servers: String,
    sentinels: String,
}

/// One sentinel.
#[derive(Debug)]
struct Watcher {
    child: Child,
    url: String,
    port: u16,
    /// It writes what it learns into its own settings.
    _dir: TempDir,
}

impl RedisSentinel {
    /// Starts servers that keep nothing on disk, and sentinels that know each other and all of them.
    ///
    /// # Panics
    /// When `redis-server` is missing, or they do not find each other within 30 s.
    pub async fn start() -> Self {
        Self::begin(TestRedis::builder(), None).await
    }

    /// As [`RedisSentinel::start`], with other settings for the servers.
    ///
    /// # Panics
    /// As [`RedisSentinel::start`].
    pub async fn start_with(server: TestRedisBuilder) -> Self {
        Self::begin(server, None).await
    }

    /// As [`RedisSentinel::start`], with one password for the servers and another one for the sentinels.
    ///
    /// # Panics
    /// As [`RedisSentinel::start`].
    pub async fn start_with_passwords(servers: &str, sentinels: &str) -> Self {
        let builder = TestRedis::builder().password(servers).arg("masterauth", servers);
        Self::begin(builder, Some(Passwords { servers: servers.into(), sentinels: sentinels.into() })).await
    }

    /// One sentinel that calls this server the primary, whatever it is, and never acts. It is one whose knowledge is old.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn naming(server: &TestRedis) -> Self {
        let sentinel = Watcher::start(server.port(), DOWN_AFTER_MS[0], None).await;
        Self { nodes: Vec::new(), sentinels: vec![sentinel], passwords: None }
    }

    /// Has all sentinels name another server from now on, without a word to any server.
    ///
    /// # Panics
    /// When a sentinel does not answer.
    pub async fn name_instead(&self, server: &TestRedis) {
        for sentinel in &self.sentinels {
            let _: () = self.ask(sentinel, &["REMOVE", NAME]).await.expect("the sentinel answers");
            let port = server.port().to_string();
            let monitor = ["MONITOR", NAME, "127.0.0.1", &port, "2"];
            let _: () = self.ask(sentinel, &monitor).await.expect("the sentinel answers");
        }
    }

    /// `redis+sentinel://` with all sentinels, and the servers' password.
    pub fn url(&self) -> String {
        let user =
            self.passwords.as_ref().map_or(String::new(), |passwords| format!(":{}@", passwords.servers));
        let sentinels: Vec<_> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{user}{}/{NAME}", sentinels.join(","))
    }

    /// All servers, to be killed, frozen or asked one by one.
    pub fn nodes(&self) -> &[TestRedis] {
        &self.nodes
    }

    /// The server that the first sentinel names.
    ///
    /// # Panics
    /// When it names none of them.
    pub async fn primary(&self) -> &TestRedis {
        let port = self.named_by(&self.sentinels[0]).await.expect("the sentinel answers");
        self.nodes.iter().find(|node| node.port() == port).expect("a server of this test")
    }

    /// Waits until all sentinels name another server than this, and that one calls itself a primary.
    ///
    /// # Panics
    /// When they do not within 30 s.
    pub async fn successor_of(&self, lost: &TestRedis) -> &TestRedis {
        eventually(FAILOVER_DEADLINE, "all sentinels name the same successor", async || {
            let mut named = Vec::new();
            for sentinel in &self.sentinels {
                named.push(self.named_by(sentinel).await.ok()?);
            }
            named.dedup();
            let [port] = named[..] else { return None };
            let node = self.nodes.iter().find(|node| node.port() == port && port != lost.port())?;
            is_primary(node).await.then_some(node)
        })
        .await
    }

    /// Kills the primary, and waits for its successor.
    ///
    /// # Panics
    /// When there is none within 30 s.
    pub async fn fail_over(&self) -> &TestRedis {
        let lost = self.primary().await;
        lost.kill();
        self.successor_of(lost).await
    }

    /// Has the sentinels put a replica in the primary's place, though nothing is wrong with it, and returns both: the
    /// one that was and the one that is.
    ///
    /// # Panics
    /// When they do not within 30 s.
    pub async fn hand_over(&self) -> (&TestRedis, &TestRedis) {
        let before = self.primary().await;
        let mut connection = self.connection(&self.sentinels[0]).await.expect("the sentinel answers");
        let mut failover = cmd("SENTINEL");
        failover.arg("FAILOVER").arg(NAME);
        eventually_true(FAILOVER_DEADLINE, "the sentinel begins", async || {
            // Refused until it has heard enough of the replicas.
            failover.query_async::<()>(&mut connection).await.is_ok()
        })
        .await;
        let after = self.successor_of(before).await;
        eventually_true(FAILOVER_DEADLINE, "the old primary has heard of it", async || {
            !is_primary(before).await
        })
        .await;
        (before, after)
    }

    async fn begin(server: TestRedisBuilder, passwords: Option<Passwords>) -> Self {
        let server = server.arg("repl-diskless-sync-delay", "0");
        let (first, second, third) =
            tokio::join!(server.clone().start(), server.clone().start(), server.start());
        tokio::join!(second.follow(&first), third.follow(&first));
        let mut all = Self { nodes: vec![first, second, third], sentinels: Vec::new(), passwords };
        for down_after in DOWN_AFTER_MS {
            let sentinel = Watcher::start(all.nodes[0].port(), down_after, all.passwords.as_ref()).await;
            all.sentinels.push(sentinel);
        }
        for sentinel in &all.sentinels {
            eventually_true(FORM_DEADLINE, "a sentinel knows all replicas and sentinels", async || {
                all.knows_all(sentinel).await.unwrap_or(false)
            })
            .await;
        }
        all
    }

    async fn knows_all(&self, sentinel: &Watcher) -> RedisResult<bool> {
        let known: std::collections::HashMap<String, String> = self.ask(sentinel, &["MASTER", NAME]).await?;
        let counts = ["num-slaves", "num-other-sentinels"].map(|field| known.get(field).map(String::as_str));
        Ok(counts == [Some("2"), Some("2")] && known.get("flags").is_some_and(|flags| flags == "master"))
    }

    async fn named_by(&self, sentinel: &Watcher) -> RedisResult<u16> {
        let (_, port): (String, u16) = self.ask(sentinel, &["GET-MASTER-ADDR-BY-NAME", NAME]).await?;
        Ok(port)
    }

    async fn ask<T: FromRedisValue>(&self, sentinel: &Watcher, words: &[&str]) -> RedisResult<T> {
        cmd("SENTINEL").arg(words).query_async(&mut self.connection(sentinel).await?).await
    }

    async fn connection(&self, sentinel: &Watcher) -> RedisResult<redis::aio::MultiplexedConnection> {
        launch::connect(&sentinel.url).await
    }
}

impl Watcher {
    async fn start(primary: u16, down_after: u64, passwords: Option<&Passwords>) -> Self {
        for _ in 0..START_ATTEMPTS {
            let (dir, port) = (tempfile::tempdir().expect("a temporary directory"), free_port());
            let file = dir.path().join("sentinel.conf");
            let mut settings = format!(
                "port {port}\nbind 127.0.0.1\ndir {dir}\nlogfile {dir}/redis.log\n\
                 sentinel monitor {NAME} 127.0.0.1 {primary} 2\n\
                 sentinel down-after-milliseconds {NAME} {down_after}\n\
                 sentinel failover-timeout {NAME} 4000\nsentinel parallel-syncs {NAME} 2\n",
                dir = dir.path().display(),
            );
            let mut user = String::new();
            if let Some(Passwords { servers, sentinels }) = passwords {
                writeln!(settings, "sentinel auth-pass {NAME} {servers}").expect("text");
                writeln!(settings, "requirepass {sentinels}\nsentinel sentinel-pass {sentinels}")
                    .expect("text");
                user = format!(":{sentinels}@");
            }
            std::fs::write(&file, settings).expect("the settings can be written");
            let url = format!("redis://{user}127.0.0.1:{port}");
            let arguments = [file.display().to_string(), "--sentinel".to_owned()];
            // A refusal means that another process took the port first.
            if let Ok(child) = launch::start(&arguments, &url, dir.path()).await {
                return Self { child, url, port, _dir: dir };
            }
        }
        panic!("a sentinel found no free port in {START_ATTEMPTS} attempts");
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        signal::kill_and_reap(&mut self.child);
    }
}

async fn is_primary(node: &TestRedis) -> bool {
    let role: RedisResult<Vec<redis::Value>> = cmd("ROLE").query_async(&mut node.connection().await).await;
    role.is_ok_and(|role| matches!(role.first(), Some(redis::Value::BulkString(word)) if word == b"master"))
}
