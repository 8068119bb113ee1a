//! Signals to child processes, by the `kill` command: no unsafe code and no further dependency.

use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use crate::eventually;

/// Sends `signal` (`TERM`, `STOP`, …) to the process.
pub(crate) fn send(pid: u32, signal: &str) {
    let status = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status()
        .unwrap_or_else(|error| panic!("the kill command cannot be run: {error}"));
    assert!(status.success(), "process {pid} did not take SIG{signal}: it has ended");
}

/// SIGKILL, and waits until the process is gone: the kernel has closed its sockets when this returns.
pub(crate) fn kill_and_reap(child: &mut Child) {
    // An error means that it has ended before.
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits for the end of a process that was asked to stop.
pub(crate) async fn wait_for_exit(child: &mut Child, deadline: Duration, what: &str) -> ExitStatus {
    eventually(deadline, what, async || child.try_wait().expect("a child of ours")).await
}
