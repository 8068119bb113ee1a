//! `textproof tour` and `textproof dev`: the whole in one process.

mod dev;

use std::{process::ExitStatus, time::Duration};

use serde_json::Value;
use test_support::{FaultProxy, ProcessBuilder, TestRedis};

use crate::fixture::{World, digest};

/// A tour takes a few seconds; the person who opts in again waits for the next one.
const PATIENCE: Duration = Duration::from_secs(60);
const STEPS: usize = 15;

#[tokio::test]
async fn the_tour_is_the_same_on_every_store_and_can_be_walked_again() {
    let world = World::start().await;
    let redis = world.redis.url();
    let (status, memory, _) = tour(&world, &[]).await;
    assert!(status.success(), "{memory}");
    let story = story(&memory);
    assert!(story.ends_with(&format!("{STEPS} steps, 0 broken")), "{memory}");
    for walk in 1..=2 {
        let (status, shared, _) = tour(&world, &["--redis", &redis]).await;
        assert!(status.success(), "walk {walk}: {shared}");
        assert_eq!(self::story(&shared), story, "walk {walk}");
    }
    let (status, json, _) = tour(&world, &["--json", "--redis", &redis]).await;
    assert!(status.success(), "{json}");
    let json: Value = serde_json::from_str(json.trim_end()).expect("one object");
    assert_eq!(json["held"], true);
    let steps = json["steps"].as_array().expect("a list of steps");
    assert_eq!(steps.len(), STEPS);
    for step in steps {
        assert_eq!(step["held"], true, "{step}");
        let what = step["step"].as_str().expect("text");
        assert!(story.contains(what) && story.contains(step["detail"].as_str().expect("text")), "{step}");
    }
}

#[tokio::test]
async fn a_tour_without_its_redis_fails_and_says_so() {
    let world = World::start().await;
    let (status, _, stderr) = tour(&world, &["--redis", "nonsense"]).await;
    assert_eq!(status.code(), Some(64), "{stderr}");
    assert!(stderr.contains("--redis") && stderr.lines().count() == 1, "{stderr}");

    let down = TestRedis::start().await;
    down.kill();
    let (status, stdout, _) = tour(&world, &["--redis", &down.url()]).await;
    assert_eq!(status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("BROKEN") && stdout.contains("did not answer"), "{stdout}");
    assert!(stdout.trim_end().ends_with("1 steps, 1 broken"), "{stdout}");
}

#[tokio::test]
async fn a_tour_whose_events_cannot_be_settled_does_not_hold() {
    let world = World::start().await;
    let proxy = FaultProxy::start(world.redis.addr()).await;
    proxy.hold_on(digest("settle_events"));
    let url = format!("redis://{}", proxy.addr());
    let (status, stdout, _) = tour(&world, &["--json", "--redis", &url]).await;
    assert_eq!(status.code(), Some(1), "{stdout}");
    let json: Value = serde_json::from_str(stdout.trim_end()).expect("one object");
    assert_eq!(json["held"], false);
}

async fn tour(world: &World, arguments: &[&str]) -> (ExitStatus, String, String) {
    let mut process = bare(world).arg("tour").args(arguments).spawn();
    let status = process.wait(PATIENCE).await;
    (status, process.stdout(), process.stderr())
}

/// `textproof` in an empty shell: neither a configuration file nor a variable.
fn bare(world: &World) -> ProcessBuilder {
    let folder = world.folder("empty");
    test_support::Process::new(test_support::binary("textproof")).current_dir(folder)
}

/// All but the first line, which names the ports.
fn story(stdout: &str) -> String {
    let (_, story) = stdout.split_once('\n').expect("more than one line");
    story.trim().to_owned()
}
