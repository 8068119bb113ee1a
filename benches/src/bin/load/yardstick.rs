//! The yardstick: `redis-benchmark` running a script of ours on a server of ours.

use std::{ffi::OsString, io::ErrorKind, os::unix::ffi::OsStringExt as _, process::Stdio, time::Duration};

use anyhow::{Context as _, bail, ensure};
use redis::aio::MultiplexedConnection;
use test_support::TestRedis;
use textproof::store::redis::scripts;
use tokio::{process::Command, time::timeout};

use crate::run::Leg;

const PROGRAM: &str = "redis-benchmark";
/// Expanded to twelve random digits below the key space, anew at each place and in each command.
pub(crate) const RANDOM: &str = "__rand_int__";
/// Requests that `redis-benchmark` writes at once on each connection.
const PIPELINE: u32 = 16;
/// Finds out how many requests fill a leg.
const TRIAL_REQUESTS: u64 = 50_000;
const DEADLINE: Duration = Duration::from_secs(120);

/// One command with its concurrency.
pub(crate) struct Yardstick {
    port: u16,
    connections: u16,
    random_below: u32,
    command: Vec<OsString>,
    requests: u64,
}

/// Fails with words on how to install it when `redis-benchmark` is missing.
pub(crate) async fn assert_installed() -> anyhow::Result<()> {
    let found = Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status().await;
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!(
                "{PROGRAM} is not on the PATH: it comes with the package redis-tools (Debian, Ubuntu) or redis"
            )
        }
        found => {
            found.with_context(|| format!("{PROGRAM} cannot be run"))?;
            Ok(())
        }
    }
}

impl Yardstick {
    /// Loads the script and measures how many requests fill `leg`, which warms the server up, too.
    /// `keys` and `arguments` may contain [`RANDOM`]; a command line cannot hold NUL.
    pub(crate) async fn of_script(
        server: &TestRedis,
        script: &str,
        call: ScriptCall<'_>,
        connections: u16,
        leg: Duration,
    ) -> anyhow::Result<Self> {
        let info = scripts().into_iter().find(|info| info.name == script);
        let info = info.with_context(|| format!("there is no script `{script}`"))?;
        load(&mut server.connection().await, info.source).await?;
        let mut command = vec![b"EVALSHA".to_vec(), info.digest.into_bytes()];
        command.push(call.keys.len().to_string().into_bytes());
        command.extend(call.keys.iter().map(|key| key.as_bytes().to_vec()));
        command.extend(call.arguments.iter().map(|argument| argument.to_vec()));
        let has_nul = command.iter().any(|part| part.contains(&0));
        ensure!(!has_nul, "a command line cannot hold NUL");
        let mut yardstick = Self {
            port: server.port(),
            connections,
            random_below: call.random_below,
            command: command.into_iter().map(OsString::from_vec).collect(),
            requests: TRIAL_REQUESTS,
        };
        let trial = yardstick.run().await?;
        yardstick.requests = (trial.per_second * leg.as_secs_f64()) as u64;
        Ok(yardstick)
    }

    /// Requests of one leg.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// Runs one leg. Latencies are of whole pipelines.
    pub(crate) async fn run(&self) -> anyhow::Result<Leg> {
        let flags = [
            ("-h", "127.0.0.1".to_owned()),
            ("-p", self.port.to_string()),
            ("-c", self.connections.to_string()),
            ("-P", PIPELINE.to_string()),
            ("-n", self.requests.to_string()),
            ("-r", self.random_below.to_string()),
        ];
        let mut command = Command::new(PROGRAM);
        for (flag, value) in flags {
            command.arg(flag).arg(value);
        }
        command.arg("--csv").args(&self.command);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output =
            timeout(DEADLINE, output).await.with_context(|| format!("{PROGRAM} did not end in time"))??;
        ensure!(
            output.status.success(),
            "{PROGRAM} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        // The command's own bytes stand in front; they may be anything.
        parsed(&String::from_utf8_lossy(&output.stdout)).with_context(|| {
            format!("{PROGRAM} printed something that is not the table of version 6.2 or later")
        })
    }
}

/// What a script is called with.
pub(crate) struct ScriptCall<'a> {
    pub(crate) keys: &'a [&'a str],
    pub(crate) arguments: &'a [&'a [u8]],
    pub(crate) random_below: u32,
}

async fn load(connection: &mut MultiplexedConnection, source: &str) -> anyhow::Result<()> {
    let mut command = redis::cmd("SCRIPT");
    command.arg("LOAD").arg(source);
    let _: String = command.query_async(connection).await.context("SCRIPT LOAD")?;
    Ok(())
}

/// Reads `"command","rps","avg","min","p50","p95","p99","max"`, latencies in milliseconds, from the right:
/// the command may hold commas and quotes.
fn parsed(csv: &str) -> Option<Leg> {
    let figures: Vec<f64> = csv
        .trim_end()
        .rsplit(',')
        .take(7)
        .map(|field| field.trim_matches('"').parse().ok())
        .collect::<Option<_>>()?;
    let [_max, p99_ms, _p95, p50_ms, _min, _average, per_second] = figures[..] else {
        return None;
    };
    Some(Leg { per_second, p50_ms, p99_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_whatever_the_command_holds() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"EVALSHA 1 a\",\"\n\"b\",\"506756.75\",\"1.918\",\"0.400\",\"2.007\",\"2.847\",\"3.399\",\"5.647\"\n";
        let leg = Leg { per_second: 506_756.75, p50_ms: 2.007, p99_ms: 3.399 };
        assert_eq!(parsed(csv), Some(leg));
        assert_eq!(parsed("\"test\",\"rps\"\n"), None);
    }
}
