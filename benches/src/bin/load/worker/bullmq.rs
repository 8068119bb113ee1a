//! BullMQ with a handler that does nothing, at the same concurrency, on a server of its own.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use benches::median;
use serde::Deserialize;
use test_support::TestRedis;
use tokio::{process::Command, time::timeout};

use super::engine::CONCURRENCY;

const JOBS: u32 = 30_000;
const LEGS: u8 = 3;
const DEADLINE: Duration = Duration::from_secs(180);

#[derive(Deserialize)]
struct Drained {
    jobs: f64,
    seconds: f64,
}

/// Jobs per second, the median of the legs. None, with a message, where Node or BullMQ is not installed.
pub(crate) async fn drain() -> anyhow::Result<Option<f64>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bullmq");
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status().await;
    if !node.is_ok_and(|status| status.success()) || !folder.join("node_modules/bullmq").is_dir() {
        eprintln!(
            "Node or BullMQ is not installed: its side is left out. Run npm ci in {}",
            folder.display()
        );
        return Ok(None);
    }
    let mut legs = Vec::new();
    for _ in 0..LEGS {
        let server = TestRedis::start().await;
        let arguments = [u32::from(server.port()), JOBS, CONCURRENCY as u32].map(|number| number.to_string());
        let mut command = Command::new("node");
        command.arg("drain.js").args(arguments).current_dir(&folder).env("NODE_ENV", "production");
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = timeout(DEADLINE, output).await.context("BullMQ did not end in time")??;
        ensure!(output.status.success(), "BullMQ failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        let drained: Drained =
            serde_json::from_slice(&output.stdout).context("what BullMQ's side printed")?;
        let per_second = drained.jobs / drained.seconds;
        eprintln!("BullMQ: {per_second:.0}/s");
        legs.push(per_second);
    }
    Ok(Some(median(legs)))
}
