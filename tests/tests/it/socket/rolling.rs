//! A rolling restart of two ingest processes while the gateway delivers.

use std::{collections::BTreeSet, time::Duration};

use redis::cmd;
use serde_json::{Value, json};
use test_support::{Process, binary, eventually, eventually_true, free_port};
use tokio::task::JoinSet;

use crate::fixture::{EVENTS, PATH_SECRET, PATIENCE, World, http};

/// The sandbox remembers a thousand attempts.
const REPLIES: usize = 600;
const PHONES: usize = 6;
/// All that is under way may take.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_nothing_and_doubles_nothing() {
    let world = World::start().await;
    let ports = [free_port(), free_port()];
    let start = async |port: u16| {
        let ingest = world.binary("webhook-ingest").env("TEXTPROOF_INGEST_BIND", format!("127.0.0.1:{port}"));
        ingest.listen().await
    };
    let mut ingests = [start(ports[0]).await, start(ports[1]).await];
    let sandbox = sandbox(ports).await;
    let mut phones = JoinSet::new();
    for phone in 0..PHONES {
        phones.spawn(text(sandbox.url(), phone));
    }
    for (round, (port, ingest)) in ports.into_iter().zip(&mut ingests).enumerate() {
        eventually_true(LONG, "replies are delivered", async || {
            delivered(&stats(&sandbox).await) > REPLIES / 4 * (round + 1)
        })
        .await;
        assert_eq!(ingest.terminate(PATIENCE).await.code(), Some(0), "{ingest}");
        *ingest = start(port).await;
    }
    phones.join_all().await;
    let stats = eventually(LONG, "nothing is under way", async || {
        let stats = stats(&sandbox).await;
        (stats["webhooks"]["pending"] == 0).then_some(stats)
    })
    .await;

    assert_eq!(stats["webhooks"]["delivered"], REPLIES, "{}", stats["webhooks"]);
    let attempts = stats["deliveries"].as_array().expect("a list");
    assert_eq!(json!(attempts.len()), stats["webhooks"]["attempts"], "none is forgotten");
    let acknowledged = attempts.iter().filter(|attempt| attempt["status"] == 200);
    let acknowledged: Vec<_> = acknowledged.map(|attempt| text_of(&attempt["message_id"])).collect();
    let stored = stored(&world).await;
    let set = |messages: &[String]| messages.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&stored), set(&acknowledged), "what was acknowledged is what is stored");
    assert_eq!(stored.len(), REPLIES, "nothing is stored twice");
    // Both took part, and some had to be delivered to the other one.
    for url in 0..2 {
        assert!(attempts.iter().any(|attempt| attempt["url_index"] == url && attempt["status"] == 200));
    }
}

async fn sandbox(ports: [u16; 2]) -> Process {
    let mut sandbox = Process::new(binary("sandbox")).args(["--bind", "127.0.0.1:0"]);
    for port in ports {
        let url = format!("http://127.0.0.1:{port}/hooks/websms/{PATH_SECRET}");
        sandbox = sandbox.args(["--connexus-webhook", &url]);
    }
    // As many tries as a gateway makes, to each of the two in turn.
    sandbox.args(["--retry-delays", "100ms,500ms,1s"]).listen().await
}

/// A phone that texts one reply after the other.
async fn text(sandbox: String, phone: usize) {
    let client = http();
    // As fast as a busy gateway: the whole takes longer than two restarts.
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    for number in 0..REPLIES / PHONES {
        ticks.tick().await;
        let reply = json!({ "from": format!("+6421000000{phone}"), "text": format!("number {number}") });
        let answer = client.post(format!("{sandbox}/sandbox/reply")).json(&reply).send().await;
        assert_eq!(answer.expect("an answer").status(), 200);
    }
}

async fn stats(sandbox: &Process) -> Value {
    let answer = http().get(format!("{}/sandbox/stats", sandbox.url())).send().await;
    answer.expect("an answer").json().await.expect("JSON")
}

fn delivered(stats: &Value) -> usize {
    stats["webhooks"]["delivered"].as_u64().expect("a number") as usize
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The message ids of all that is on the stream, in its order.
async fn stored(world: &World) -> Vec<String> {
    let entries: Vec<(String, Vec<Vec<u8>>)> = world.ask(cmd("XRANGE").arg(EVENTS).arg("-").arg("+")).await;
    let original = |(_, fields): (String, Vec<Vec<u8>>)| {
        let bodies = fields.iter().filter_map(|field| serde_json::from_slice::<Value>(field).ok());
        let id = bodies.filter_map(|body| Some(body.get("messageId")?.as_str()?.to_owned())).next();
        id.expect("the original bytes")
    };
    entries.into_iter().map(original).collect()
}
