//! What a test may ask of its server.

use std::path::Path;

use super::TestRedis;
use crate::free_port;

/// How often the append-only file reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// `appendfsync always`: before each answer.
    Always,
    /// `appendfsync everysec`: once a second, as in production.
    EverySecond,
}

/// Settings of a [`TestRedis`]; see [`TestRedis::builder`].
#[derive(Debug, Clone, Default)]
pub struct TestRedisBuilder {
    pub(super) password: Option<String>,
    append_only: Option<Fsync>,
    /// The port on which the nodes of a cluster talk to each other. It stays the same over restarts.
    pub(super) bus_port: Option<u16>,
    extra: Vec<String>,
}

impl TestRedisBuilder {
    /// Keeps an append-only file, so that data outlive a restart.
    #[must_use]
    pub fn aof(mut self, fsync: Fsync) -> Self {
        self.append_only = Some(fsync);
        self
    }

    /// Asks clients for a password (`requirepass`): letters and digits, since it stands in the URL as it is.
    ///
    /// # Panics
    /// When it holds anything else.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        let password = password.into();
        assert!(password.bytes().all(|byte| byte.is_ascii_alphanumeric()), "letters and digits only");
        self.password = Some(password);
        self
    }

    /// Makes it a node of a cluster, with a port of its own for the cluster's bus.
    #[must_use]
    pub(crate) fn cluster_node(mut self) -> Self {
        self.bus_port = Some(free_port());
        self
    }

    /// Passes one more setting: `.arg("maxmemory", "4mb")`. It comes last and so overrides the defaults.
    #[must_use]
    pub fn arg(mut self, name: &str, value: &str) -> Self {
        self.extra.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When `redis-server` is missing or does not start.
    pub async fn start(self) -> TestRedis {
        TestRedis::start_with(self).await
    }

    pub(super) fn url(&self, port: u16) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{port}"),
            None => format!("redis://127.0.0.1:{port}"),
        }
    }

    pub(super) fn arguments(&self, dir: &Path, port: u16) -> Vec<String> {
        let mut arguments = ["--bind", "127.0.0.1", "--save", "", "--maxmemory-policy", "noeviction"]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(["--port".to_owned(), port.to_string()]);
        arguments.extend(["--dir".to_owned(), dir.display().to_string()]);
        arguments.extend(["--logfile".to_owned(), dir.join("redis.log").display().to_string()]);
        if let Some(fsync) = self.append_only {
            let fsync = match fsync {
                Fsync::Always => "always",
                Fsync::EverySecond => "everysec",
            };
            arguments.extend(["--appendonly", "yes", "--appendfsync", fsync].map(str::to_owned));
        }
        if let Some(bus_port) = self.bus_port {
            arguments.extend(["--cluster-enabled", "yes", "--cluster-port"].map(str::to_owned));
            arguments.push(bus_port.to_string());
        }
        if let Some(password) = &self.password {
            arguments.extend(["--requirepass".to_owned(), password.clone()]);
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
    }
}
