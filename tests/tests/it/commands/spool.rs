//! `textproof spool`: with a running ingest, and after it has ended.

use data_encoding::BASE64;
use serde_json::{Value, json};
use test_support::{Process, eventually_true};

use super::Ended;
use crate::{
    fixture::{EVENTS, PATIENCE, delivered, http, post, reply},
    webhooks::spool::Spooling,
};

async fn run(spooling: &Spooling, arguments: &[&str]) -> Ended {
    let command = spooling.environment(spooling.world.binary("textproof"));
    Ended::of(command.arg("--json").args(arguments)).await
}

/// An ingest whose spool holds three events, since Redis is away.
async fn three_spooled(spooling: &Spooling) -> Process {
    let ingest = spooling.ingest().listen().await;
    spooling.world.redis.kill();
    for body in [delivered("a"), delivered("b"), reply("c", "+64211234567", "Yes", 1)] {
        assert_eq!(post(&http(), &spooling.url(), body).await.0, 200);
    }
    ingest
}

#[tokio::test]
async fn a_spool_is_shown_exported_and_drained_when_asked_twice() {
    let spooling = Spooling::start().await;
    let none = run(&spooling, &["spool", "status"]).await;
    assert_eq!((none.status, &none.json()["events"]), (0, &json!(0)), "{}", none.output());
    assert!(!spooling.folder.join("events.redb").exists(), "looking makes no spool");

    let mut ingest = three_spooled(&spooling).await;
    let running = run(&spooling, &["spool", "status"]).await;
    assert_eq!(running.json()["events"], 3, "{}", running.output());
    assert_eq!(running.json()["held_by"], "a running webhook-ingest");
    for command in [&["spool", "drain", "--yes"][..], &["spool", "export"]] {
        let refused = run(&spooling, command).await;
        assert_eq!(refused.status, 2, "{}", refused.output());
        assert!(refused.stderr.contains("stop it first"), "{}", refused.output());
    }
    assert_eq!(ingest.terminate(PATIENCE).await.code(), Some(0), "{ingest}");

    let exported = run(&spooling, &["spool", "export"]).await;
    let lines: Vec<Value> =
        exported.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let first = BASE64.decode(lines[0]["raw_base64"].as_str().expect("base64").as_bytes()).expect("base64");
    assert_eq!((lines.len(), first), (3, delivered("a").into_bytes()), "{}", exported.output());

    let dry = run(&spooling, &["spool", "drain"]).await;
    assert_eq!((&dry.json()["outcome"], &dry.json()["events"]), (&json!("dry_run"), &json!(3)));
    let away = run(&spooling, &["spool", "drain", "--yes"]).await;
    assert_eq!(away.status, 2, "{}", away.output());
    assert!(away.stderr.contains("0 of 3 events were drained, 3 stay"), "{}", away.output());

    spooling.world.redis.restart().await;
    let drained = run(&spooling, &["spool", "drain", "--yes"]).await;
    assert_eq!(
        (&drained.json()["new"], &drained.json()["left"]),
        (&json!(3), &json!(0)),
        "{}",
        drained.output()
    );
    assert_eq!(spooling.world.depth(EVENTS).await, 3);
    let again = run(&spooling, &["spool", "drain", "--yes"]).await;
    assert_eq!(again.json()["new"], 0, "{}", again.output());
}

#[tokio::test]
async fn an_export_overwrites_nothing_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let spooling = Spooling::start().await;
    let mut ingest = three_spooled(&spooling).await;
    ingest.terminate(PATIENCE).await;
    let file = spooling.folder.join("export.jsonl");
    let path = file.to_str().expect("UTF-8");
    let exported = run(&spooling, &["spool", "export", path]).await;
    assert_eq!(exported.json(), json!({ "outcome": "exported", "events": 3 }), "{}", exported.output());
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let again = run(&spooling, &["spool", "export", path]).await;
    assert_eq!(again.status, 2, "{}", again.output());
}

#[tokio::test]
async fn texts_of_someone_erased_while_they_waited_are_not_stored() {
    let spooling = Spooling::start().await;
    let mut ingest = three_spooled(&spooling).await;
    ingest.terminate(PATIENCE).await;
    spooling.world.redis.restart().await;
    let erase = spooling
        .environment(spooling.world.binary("textproof"))
        .env("TEXTPROOF_OTP_COUNTRIES", "NZ")
        .env("TEXTPROOF_PEPPER", BASE64.encode(&[9; 32]))
        .env("MOBILE_API_CONNECT_KEY", "sk_live_sandbox")
        .args(["erase", "+64211234567", "--yes"]);
    let erased = Ended::of(erase).await;
    assert_eq!(erased.status, 0, "{}", erased.output());
    let _ingest = spooling.ingest().listen().await;
    spooling.drained().await;
    eventually_true(PATIENCE, "the others are stored", async || spooling.world.depth(EVENTS).await == 2)
        .await;
    assert!(spooling.world.redis.dump_all().await.find("64211234567").is_empty());
}
