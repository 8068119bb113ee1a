//! Each side of the wire on a CPU of its own, so that the receivers share theirs with nobody.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Where receivers run.
pub(crate) const RECEIVERS: u8 = 0;
/// Where callers and Redis run.
pub(crate) const CLIENTS: u8 = 1;

/// Keeps a process with all its threads on one CPU.
pub(crate) fn pin(pid: u32, cpu: u8) -> anyhow::Result<()> {
    let mut command = Command::new("taskset");
    command.args(["-a", "-c", "-p"]).arg(cpu.to_string()).arg(pid.to_string());
    let status =
        command.stdout(Stdio::null()).status().context("taskset (package util-linux) cannot be run")?;
    ensure!(status.success(), "taskset failed");
    Ok(())
}
