//! Signals end processes, so each test runs this binary again as a child that does only [`child`].

use std::time::Duration;

use test_support::Process;
use textproof_service::shutdown::shutdown_signal;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);
const CHILD: &str = "SHUTDOWN_CHILD";

/// What a child does; as a test of its own it has nothing to do.
#[tokio::test]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let token = shutdown_signal();
    println!("\nready");
    timeout(SOON, token.cancelled()).await.expect("a signal comes");
    println!("\ncancelled");
    if std::env::var_os("LINGER").is_some() {
        let _ = timeout(SOON, std::future::pending::<()>()).await;
    }
}

async fn start(linger: bool) -> Process {
    let test = std::env::current_exe().unwrap();
    let mut builder = Process::new(test).args(["--exact", "shutdown::child", "--nocapture"]).env(CHILD, "1");
    if linger {
        builder = builder.env("LINGER", "1");
    }
    let mut process = builder.spawn();
    process.line("ready", SOON).await;
    process
}

#[tokio::test]
async fn the_first_signal_cancels_the_token() {
    for signal in ["TERM", "INT"] {
        let mut process = start(false).await;
        process.signal(signal);
        process.line("cancelled", SOON).await;
        assert!(process.wait(SOON).await.success());
    }
}

#[tokio::test]
async fn the_second_signal_ends_the_process() {
    let mut process = start(true).await;
    process.signal("INT");
    process.line("cancelled", SOON).await;
    process.signal("INT");
    assert_eq!(process.wait(SOON).await.code(), Some(130));
}
