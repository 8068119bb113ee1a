//! `textproof status`: what real processes do, as an operator sees it.

use serde_json::{Value, json};
use test_support::{Process, eventually_true};

use super::Ended;
use crate::fixture::{EVENTS, PATIENCE, World, delivered, http, post, websms};

async fn status(world: &World) -> Ended {
    Ended::of(world.binary("textproof").args(["--json", "status"])).await
}

async fn publish(world: &World, count: usize) {
    let ingest = world.binary("webhook-ingest").listen().await;
    for n in 0..count {
        assert_eq!(post(&http(), &websms(&ingest), delivered(&format!("m{n}"))).await.0, 200);
    }
}

fn watched(world: &World, arguments: &[&str]) -> Process {
    world.binary("textproof").arg("status").arg("--watch=1").args(arguments).spawn()
}

#[tokio::test]
async fn the_state_of_the_fleet_is_one_object_before_and_after_its_work() {
    let world = World::start().await;
    publish(&world, 3).await;
    let before = status(&world).await;
    assert_eq!(before.status, 0, "{}", before.output());
    let seen = before.json();
    assert_eq!(
        (&seen["group"], &seen["events"], &seen["pending"]),
        (&json!("textproof"), &json!(3), &json!(0))
    );
    assert!(seen["oldest_seconds"].as_f64().is_some_and(|age| age > 0.0 && age < 60.0), "{seen}");
    assert_eq!((&seen["dead_letters"], &seen["consumers"]), (&json!(0), &json!([])));
    assert!(seen["done_per_second"].is_number(), "{seen}");

    let mut worker = world.binary("worker").listen().await;
    eventually_true(PATIENCE, "they are settled", async || world.depth(EVENTS).await == 0).await;
    let seen = status(&world).await.json();
    assert_eq!(
        (&seen["events"], &seen["oldest_seconds"], &seen["consumer_count"]),
        (&json!(0), &Value::Null, &json!(1))
    );
    assert_eq!(seen["consumers"][0]["pending"], json!(0));
    assert!(worker.terminate(PATIENCE).await.success(), "{worker}");
    assert_eq!(status(&world).await.json()["consumer_count"], json!(0), "it has left its group");
}

#[tokio::test]
async fn people_get_a_table() {
    let world = World::start().await;
    publish(&world, 2).await;
    let shown = Ended::of(world.binary("textproof").arg("status")).await;
    assert_eq!(shown.status, 0, "{}", shown.output());
    for line in ["events waiting         2", "dead letters           0", "CONSUMER"] {
        assert!(shown.stdout.contains(line), "{line}: {}", shown.stdout);
    }
}

#[tokio::test]
async fn a_watch_looks_again_and_ends_well_when_it_is_interrupted() {
    let world = World::start().await;
    let (mut lines, mut blocks) = (watched(&world, &["--json"]), watched(&world, &[]));
    let three = |process: &Process, what: &str| process.stdout().matches(what).count() >= 3;
    eventually_true(PATIENCE, "three looks", async || {
        three(&lines, "\"group\"") && three(&blocks, "events waiting")
    })
    .await;
    for process in [&mut lines, &mut blocks] {
        process.signal("INT");
        assert_eq!(process.wait(PATIENCE).await.code(), Some(0), "{process}");
    }
    assert!(lines.stdout().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{lines}");
    assert!(!blocks.stdout().contains('\x1b'), "nothing is drawn where there is no terminal: {blocks}");
}

#[tokio::test]
async fn without_redis_it_is_a_fault() {
    let world = World::start().await;
    for arguments in [&["status"][..], &["status", "--watch"]] {
        let nobody =
            world.binary("textproof").env("TEXTPROOF_REDIS_URL", "redis://127.0.0.1:1").args(arguments);
        let ended = Ended::of(nobody).await;
        assert_eq!((ended.status, ended.stdout.as_str()), (2, ""), "{}", ended.output());
    }
    let usage = Ended::of(world.binary("textproof").args(["status", "--watch=0"])).await;
    assert_eq!(usage.status, 64, "{}", usage.output());
}
