use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use test_support::{Process, binary};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> test_support::ProcessBuilder {
    Process::new("sh").arg("-c").arg(script)
}

#[tokio::test]
async fn a_server_is_ready_when_it_says_where_it_listens() {
    let mut server =
        shell("echo listening on http://127.0.0.1:4711; echo started >&2; exec sleep 60").listen().await;
    assert_eq!(server.url(), "http://127.0.0.1:4711");
    let status = server.terminate(SOON).await;
    assert_eq!(status.signal(), Some(15));
    assert!(server.wrote("started") && !server.wrote("stopped"));
}

#[tokio::test]
#[should_panic(expected = "no such file")]
async fn a_server_that_ends_instead_shows_what_it_wrote() {
    shell("echo no such file >&2; exit 64").listen().await;
}

#[tokio::test]
async fn a_killed_process_leaves_everything_that_it_wrote() {
    let mut process = shell("echo one; echo two; exec sleep 60").env("UNUSED", "1").spawn();
    assert_eq!(process.line("tw", SOON).await, "two");
    process.kill9().await;
    assert_eq!(process.stdout(), "one\ntwo\n");
}

#[tokio::test]
async fn a_child_sees_only_what_the_test_gives_it() {
    // Cargo sets this one for tests.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let mut process = shell("echo ${CARGO_MANIFEST_DIR:-unset} $GIVEN").env("GIVEN", "given").spawn();
    assert!(process.wait(SOON).await.success());
    assert_eq!(process.stdout(), "unset given\n");
}

#[test]
#[should_panic(expected = "run cargo build --bin no-such-binary")]
fn a_missing_binary_says_how_to_build_it() {
    binary("no-such-binary");
}
