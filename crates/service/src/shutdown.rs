//! From a signal to a token.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What a shell reports after Ctrl-C: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// A token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process at once with
/// status 130: whoever asks twice does not want to wait for the drain.
///
/// # Panics
/// Outside a tokio runtime, or when the operating system refuses to install a signal handler.
#[expect(clippy::expect_used, reason = "a server that cannot be stopped must not start")]
pub fn shutdown_signal() -> CancellationToken {
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let signal = next().await;
        info!(signal, "stopping");
        cancelled.cancel();
        let signal = next().await;
        warn!(signal, "stopping at once");
        std::process::exit(INTERRUPTED);
    });
    token
}
