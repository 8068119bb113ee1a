//! A webhook in, a forward out: real binaries, a receiver that goes away, a worker that dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use test_support::{ProcessBuilder, ReceiverAnswer, TestReceiver, TestRedis, eventually_true, free_port};

use crate::fixture::{PATIENCE, World, http, post, reply, websms};

pub(crate) const SECRET: &str = "whsec_Y2FuYXJ5IG9mIHRoZSBmb3J3YXJkcyBpbiBlMmUgdGVzdHM=";
/// A receiver that was away is tried again in a few seconds, and what waited for it comes back little by little.
const LONG_PATIENCE: Duration = Duration::from_secs(90);

/// Everything that people text goes to the forward `crm`, at this URL.
pub(crate) fn rules(url: &str) -> String {
    format!(
        "[[rule]]\nname = \"all\"\nmatch = {{ any = true }}\nforward = [\"crm\"]\n\n\
         [[forward]]\nname = \"crm\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nallow_private = true\n"
    )
}

/// A worker that says everything it can. A proxy in its environment must not matter to a forward.
fn worker(world: &World, proxy: &TestReceiver) -> ProcessBuilder {
    let proxied = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let worker = world.binary("worker").env("RUST_LOG", "trace");
    proxied.iter().fold(worker, |worker, name| worker.env(name, proxy.url("")))
}

/// How often each event arrived.
fn arrived(receiver: &TestReceiver) -> BTreeMap<String, usize> {
    let mut arrived = BTreeMap::new();
    for request in receiver.received() {
        *arrived.entry(request.header("webhook-id").to_owned()).or_default() += 1;
    }
    arrived
}

async fn all_settled(world: &World, events: usize, patience: Duration) {
    eventually_true(patience, "every event is settled", async || {
        let marks = world.marks().await;
        marks.len() == events && marks.values().all(|state| *state == 'D')
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_under_its_id_though_the_receiver_was_away() {
    const EVENTS: usize = 30;
    let proxy = TestReceiver::start().await;
    let address = ([127, 0, 0, 1], free_port()).into();
    let world = World::on(TestRedis::start().await, &rules(&format!("http://{address}/canary-path")));
    let ingest = world.binary("webhook-ingest").listen().await;
    let mut worker = worker(&world, &proxy).listen().await;
    let text = async |number: usize| {
        let body = reply(&format!("MO{number}"), "+64211234567", "canary text", 1_700_000_000);
        assert_eq!(post(&http(), &websms(&ingest), body).await.0, 200);
    };
    for number in 0..EVENTS / 2 {
        text(number).await;
    }
    eventually_true(PATIENCE, "the receiver is left alone", async || worker.wrote("left alone")).await;
    for number in EVENTS / 2..EVENTS {
        text(number).await;
    }
    let receiver = TestReceiver::start_at(address).await;
    all_settled(&world, EVENTS, LONG_PATIENCE).await;

    let published: BTreeSet<String> = world.marks().await.into_keys().collect();
    let arrived = arrived(&receiver);
    assert_eq!(arrived.keys().cloned().collect::<BTreeSet<_>>(), published);
    assert!(arrived.values().all(|times| *times == 1), "nobody died: {arrived:?}");
    assert_eq!(receiver.received()[0].line, "POST /canary-path HTTP/1.1");
    assert_eq!(proxy.connections(), 0);
    assert_eq!(world.depth("tp1:{e0}:dead").await, 0);
    assert!(worker.terminate(PATIENCE).await.success(), "{worker}");
    for secret in ["canary", SECRET.trim_start_matches("whsec_"), "64211234567"] {
        assert!(!worker.wrote(secret), "{secret}: {worker}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_worker_died_arrives_again_under_the_same_id() {
    let (proxy, receiver) = (TestReceiver::start().await, TestReceiver::start().await);
    receiver.answers(ReceiverAnswer::Nothing);
    let world = World::on(TestRedis::start().await, &rules(&receiver.url("/canary-path")));
    let ingest = world.binary("webhook-ingest").listen().await;
    let mut killed = worker(&world, &proxy).listen().await;
    let body = reply("MO1", "+64211234567", "canary text", 1_700_000_000);
    assert_eq!(post(&http(), &websms(&ingest), body).await.0, 200);
    eventually_true(PATIENCE, "the receiver has it", async || !receiver.received().is_empty()).await;
    killed.kill9().await;

    receiver.says(200);
    let next = worker(&world, &proxy).env("TEXTPROOF_WORKER_LEASE_SECONDS", "2").listen().await;
    all_settled(&world, 1, LONG_PATIENCE).await;
    let received = receiver.received();
    assert_eq!((received.len(), arrived(&receiver).len()), (2, 1), "{next}");
    assert_eq!(received[0].body, received[1].body);
    assert!(!next.wrote("canary"), "{next}");
}

#[tokio::test]
async fn a_forward_that_cannot_be_meant_is_one_line_and_status_64() {
    let sound = rules("https://crm.example.com/canary-path");
    for (config, what) in [
        (
            sound.replace("[\"crm\"]", "[\"cmr\"]"),
            "rule.all.forward (textproof.toml): there is no [[forward]]",
        ),
        (
            sound.replace("crm.example.com", "127.0.0.1").replace("allow_private = true", ""),
            "forward.crm.url (textproof.toml): leads to a private or otherwise special address",
        ),
        (sound.replace("https", "ftp"), "forward.crm.url (textproof.toml): must start with https://"),
        (
            sound.replace("whsec_", "%"),
            "forward.crm.secret (textproof.toml): must be whsec_ and standard base64",
        ),
    ] {
        let world = World::on(TestRedis::start().await, &config);
        for command in [world.binary("worker"), world.binary("textproof").args(["config", "check"])] {
            let mut process = command.spawn();
            assert_eq!(process.wait(PATIENCE).await.code(), Some(64), "{process}");
            let said = process.stderr();
            assert!(said.contains(what) && said.lines().count() == 1, "{said}");
            assert!(!said.contains("canary-path") && !said.contains("Y2FuYXJ5"), "{said}");
        }
    }
}
