//! `textproof dead-letters`: a real worker buries what it cannot read, and an operator decides.

use redis::cmd;
use serde_json::{Value, json};
use test_support::eventually_true;

use super::Ended;
use crate::fixture::{EVENTS, PATIENCE, World, delivered, http, post, websms};

const DEAD: &str = "tp1:{e0}:dead";

async fn run(world: &World, arguments: &[&str]) -> Ended {
    Ended::of(world.binary("textproof").arg("--json").arg("dead-letters").args(arguments)).await
}

/// So many webhooks whose entries a fault has spoilt, buried by a real worker.
async fn buried(world: &World, count: usize) {
    let ingest = world.binary("webhook-ingest").listen().await;
    for n in 0..count {
        assert_eq!(post(&http(), &websms(&ingest), delivered(&format!("m{n}"))).await.0, 200);
    }
    for (position, id) in world.entries(EVENTS).await {
        let () = world.ask(cmd("XDEL").arg(EVENTS).arg(position)).await;
        let spoilt =
            [("i", id.as_str()), ("c", "0"), ("e", r#"{"endpoint":"websms""#), ("r", "the original bytes")];
        let mut add = cmd("XADD");
        add.arg(EVENTS).arg("*");
        for (name, value) in spoilt {
            add.arg(name).arg(value);
        }
        let _: String = world.ask(&add).await;
    }
    let mut worker = world.binary("worker").listen().await;
    eventually_true(PATIENCE, "they are buried", async || world.depth(DEAD).await == count).await;
    assert_eq!(world.depth(EVENTS).await, 0);
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
}

fn ids(listed: &Ended) -> Vec<String> {
    let entries = listed.json()["entries"].clone();
    let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
    entries.as_array().expect("a list").iter().map(id).collect()
}

#[tokio::test]
async fn dead_letters_are_listed_shown_redriven_and_dropped_when_asked_twice() {
    let world = World::start().await;
    buried(&world, 3).await;
    let listed = run(&world, &["list", "--oldest"]).await;
    assert_eq!(listed.status, 0, "{}", listed.output());
    let entry = &listed.json()["entries"][0];
    assert_eq!(
        (&entry["reason"], &entry["starts"], &entry["failures"]),
        (&json!("unreadable"), &json!(1), &json!(0))
    );
    let ids = ids(&listed);
    assert_eq!(ids.len(), 3);

    let shown = run(&world, &["show", &ids[0]]).await;
    let body = data_encoding::BASE64.encode(b"the original bytes");
    assert_eq!((shown.status, &shown.json()["body_base64"]), (0, &json!(body)), "{}", shown.output());
    let nobody = run(&world, &["show", "1-1"]).await;
    assert_eq!((nobody.status, &nobody.json()["outcome"]), (1, &json!("not_found")));

    let dry = run(&world, &["redrive"]).await;
    assert_eq!(
        (&dry.json()["outcome"], &dry.json()["found"], &dry.json()["done"]),
        (&json!("dry_run"), &json!(3), &json!(0))
    );
    assert_eq!((world.depth(DEAD).await, world.depth(EVENTS).await), (3, 0));

    let redriven = run(&world, &["redrive", &ids[0], "--yes"]).await;
    assert_eq!((redriven.status, &redriven.json()["done"]), (0, &json!(1)), "{}", redriven.output());
    assert_eq!((world.depth(DEAD).await, world.depth(EVENTS).await), (2, 1));
    let again = run(&world, &["redrive", &ids[0], "--yes"]).await;
    assert_eq!((again.status, &again.json()["not_found"]), (1, &json!(1)), "{}", again.output());

    let other = run(&world, &["drop", "--reason", "failures", "--yes"]).await;
    assert_eq!(other.json()["done"], 0, "{}", other.output());
    let dropped = run(&world, &["drop", "--reason", "unreadable", "--yes"]).await;
    assert_eq!(dropped.json()["done"], 2, "{}", dropped.output());
    assert_eq!(world.depth(DEAD).await, 0);
    // A redriven event that is no better is buried again, and the webhooks of all of them stay duplicates.
    let _worker = world.binary("worker").listen().await;
    eventually_true(PATIENCE, "it is buried again", async || world.depth(DEAD).await == 1).await;
    let ingest = world.binary("webhook-ingest").listen().await;
    for n in 0..3 {
        assert_eq!(post(&http(), &websms(&ingest), delivered(&format!("m{n}"))).await.0, 200);
    }
    assert_eq!((world.depth(DEAD).await, world.depth(EVENTS).await), (1, 0));
}
