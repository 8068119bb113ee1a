//! Shards as an operator has them: one number for the whole fleet, changed only when nothing is left to be hidden.

use redis::cmd;
use serde_json::json;
use test_support::{ProcessBuilder, eventually_true};

use super::Ended;
use crate::fixture::{PATIENCE, World, delivered, http, post, websms};

const EVENTS: usize = 24;

fn with(shards: u16, process: ProcessBuilder) -> ProcessBuilder {
    process.env("TEXTPROOF_STREAM_SHARDS", shards.to_string())
}

async fn run(world: &World, shards: u16, arguments: &[&str]) -> Ended {
    let command = world.binary("textproof").arg("--json").arg("shards").args(arguments);
    Ended::of(with(shards, command)).await
}

async fn waiting(world: &World, shard: u16) -> usize {
    world.depth(&format!("tp1:{{e{shard}}}:s")).await
}

/// Events on the streams of three shards, put there by a real webhook-ingest.
async fn three_shards_with_events(world: &World) {
    let mut ingest = with(3, world.binary("webhook-ingest")).listen().await;
    for n in 0..EVENTS {
        assert_eq!(post(&http(), &websms(&ingest), delivered(&format!("m{n}"))).await.0, 200);
    }
    assert!(ingest.terminate(PATIENCE).await.success(), "{ingest}");
    for shard in 0..3 {
        assert!(waiting(world, shard).await > 0, "shard {shard} has none of {EVENTS}");
    }
}

#[tokio::test]
async fn a_worker_reads_every_shard() {
    let world = World::start().await;
    three_shards_with_events(&world).await;
    let worker = with(3, world.binary("worker")).listen().await;
    for shard in 0..3 {
        eventually_true(PATIENCE, "it is read", async || waiting(&world, shard).await == 0).await;
    }
    let records: Vec<String> = world.ask(cmd("KEYS").arg("tp1:{m*}:d:connexus:*")).await;
    assert_eq!(records.len(), EVENTS, "each report took effect: {worker}");
}

#[tokio::test]
async fn another_number_than_the_fleets_does_not_start() {
    let world = World::start().await;
    three_shards_with_events(&world).await;
    for (binary, shards) in [("webhook-ingest", 1), ("webhook-ingest", 4), ("worker", 1), ("worker", 4)] {
        let ended = Ended::of(with(shards, world.binary(binary))).await;
        ended.assert_refused("stream.shards");
        ended.assert_refused("are in 3: set it to 3");
    }
    assert_eq!(world.depth("tp1:{e3}:s").await, 0);
    // More shards than places: some would never be read.
    let worker = with(64, world.binary("worker")).env("TEXTPROOF_WORKER_CONCURRENCY", "32");
    Ended::of(worker).await.assert_refused("worker.concurrency");
}

#[tokio::test]
async fn the_number_is_changed_when_nothing_would_be_hidden() {
    let world = World::start().await;
    let shown = run(&world, 2, &["show"]).await;
    assert_eq!(
        (shown.status, &shown.json()["shards"]),
        (0, &json!(null)),
        "nobody has decided: {}",
        shown.output()
    );
    let set = run(&world, 2, &["set", "3", "--yes"]).await;
    assert_eq!((set.status, &set.json()["before"]), (0, &json!(null)), "{}", set.output());
    three_shards_with_events(&world).await;
    let shown = run(&world, 3, &["show"]).await;
    assert_eq!((shown.status, &shown.json()["shards"]), (0, &json!(3)), "{}", shown.output());

    let refused = run(&world, 3, &["set", "2", "--yes", "--duplicates-possible"]).await;
    assert_eq!((refused.status, &refused.json()["outcome"]), (1, &json!("refused")), "{}", refused.output());
    assert!(refused.stdout.contains("shard 2 has"), "{}", refused.stdout);

    let mut worker = with(3, world.binary("worker")).listen().await;
    for shard in 0..3 {
        eventually_true(PATIENCE, "it is read", async || waiting(&world, shard).await == 0).await;
    }
    assert!(worker.terminate(PATIENCE).await.success(), "{worker}");
    let early = run(&world, 3, &["set", "2", "--yes"]).await;
    assert_eq!(early.status, 1, "{}", early.output());
    assert!(early.stdout.contains("168 hours more"), "{}", early.stdout);

    let () = world.ask(cmd("XADD").arg("tp1:{e2}:dead").arg("*").arg("i").arg("x")).await;
    let kept = run(&world, 3, &["set", "2", "--yes", "--duplicates-possible"]).await;
    assert_eq!(kept.status, 1, "{}", kept.output());
    assert!(kept.stdout.contains("shard 2 falls away with 1 dead letters"), "{}", kept.stdout);
    let () = world.ask(cmd("DEL").arg("tp1:{e2}:dead")).await;

    let dry = run(&world, 3, &["set", "2", "--duplicates-possible"]).await;
    assert_eq!((dry.status, &dry.json()["outcome"]), (0, &json!("dry_run")), "{}", dry.output());
    assert_eq!(run(&world, 3, &["show"]).await.json()["shards"], 3);
    let set = run(&world, 3, &["set", "2", "--duplicates-possible", "--yes"]).await;
    assert_eq!((set.status, &set.json()["outcome"]), (0, &json!("set")), "{}", set.output());
    Ended::of(with(3, world.binary("worker"))).await.assert_refused("are in 2: set it to 2");
    with(2, world.binary("worker")).listen().await;
}
