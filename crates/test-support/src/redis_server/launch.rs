//! Starting `redis-server`, and being sure that the server which answers is the one that was started.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, InfoDict, RedisError};

use super::TestRedisBuilder;
use crate::{eventually, signal};

const START_DEADLINE: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The server ended before it answered: most often because its port was taken. Holds its log.
pub(crate) struct NotStarted(String);

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Starts the server and waits until it answers, with its data loaded.
pub(super) async fn launch(settings: &TestRedisBuilder, dir: &Path, port: u16) -> Result<Child, NotStarted> {
    start(&settings.arguments(dir, port), &settings.url(port), dir).await
}

/// Starts `redis-server` with these arguments and waits until it answers at this URL.
pub(crate) async fn start(arguments: &[String], url: &str, dir: &Path) -> Result<Child, NotStarted> {
    let spawned = Command::new("redis-server")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Ok(child) => ReapedOnDrop(Some(child)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("redis-server is not on the PATH: run scripts/test, which installs it")
        }
        Err(error) => panic!("redis-server cannot be run: {error}"),
    };
    let answers = eventually(START_DEADLINE, "redis-server answers after its start", async || {
        if child.get().try_wait().expect("a child of ours").is_some() {
            return Some(false);
        }
        let pid = answering_pid(url).await.ok()?;
        (pid == Some(child.get().id())).then_some(true)
    })
    .await;
    if answers { Ok(child.keep()) } else { Err(NotStarted(log_of(dir))) }
}

/// A connection with timeouts that a loaded machine can keep.
pub(crate) async fn connect(url: &str) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT));
    Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await
}

/// Fails while the server loads its data, too: INFO answers LOADING only for other commands, hence the PING.
async fn answering_pid(url: &str) -> Result<Option<u32>, RedisError> {
    let mut connection = connect(url).await?;
    let _: String = redis::cmd("PING").query_async(&mut connection).await?;
    let info: InfoDict = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    Ok(info.get("process_id"))
}

fn log_of(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("redis.log")).unwrap_or_else(|error| format!("no log: {error}"))
}

/// A deadline that passes is a panic: the child must not outlive it.
struct ReapedOnDrop(Option<Child>);

impl ReapedOnDrop {
    fn get(&mut self) -> &mut Child {
        self.0.as_mut().expect("kept until it is handed over")
    }

    fn keep(mut self) -> Child {
        self.0.take().expect("kept until it is handed over")
    }
}

impl Drop for ReapedOnDrop {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            signal::kill_and_reap(child);
        }
    }
}
