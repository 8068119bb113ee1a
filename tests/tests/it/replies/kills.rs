//! kill -9 between the claim of a reply and the gateway's answer.

use std::time::Duration;

use serde_json::json;
use test_support::{FaultProxy, eventually_true};

use super::{Deployment, counted};
use crate::fixture::PATIENCE;

const ROUNDS: u64 = 10;
/// States of a claim in Redis.
const SENT: u8 = 2;
const UNKNOWN: u8 = 3;
const HOURS: &str = r#"
[[rule]]
name = "hours"
match = { exact = "HOURS" }
reply = "We are open Mon-Sat 9-6, {{from}}."
"#;

fn phone(round: u64) -> String {
    format!("+6421100{round:04}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_whose_worker_died_before_the_gateways_answer_is_never_sent_twice() {
    let we = Deployment::start(HOURS).await;
    let network = FaultProxy::start(we.sandbox.address()).await;
    // The fleet has its token, and one reply with an answer.
    let mut first = we.worker(network.addr()).spawn();
    we.texts(&phone(0), "552", "hours").await;
    we.all_settled(1).await;
    assert!(first.terminate(PATIENCE).await.success(), "{first}");

    // Each text is sent, and its answer is on the way for longer than this test takes.
    let worker = |gateway| we.worker(gateway).env("TEXTPROOF_WORKER_LEASE_SECONDS", "1");
    network.delay(Duration::ZERO, Duration::from_secs(3_600));
    for round in 1..=ROUNDS {
        let mut killed = worker(network.addr()).spawn();
        we.texts(&phone(round), "552", "hours").await;
        eventually_true(PATIENCE, "the gateway has the text", async || we.sent().await == round + 1).await;
        killed.kill9().await;
    }
    let mut last = worker(we.sandbox.address()).spawn();
    we.all_settled(usize::try_from(ROUNDS + 1).expect("few")).await;
    assert!(last.terminate(PATIENCE).await.success(), "{last}");

    for round in 0..=ROUNDS {
        assert_eq!(we.inbox(&phone(round)).await.len(), 1, "round {round}");
    }
    // Nobody knows of any of them but the first, and that is what is kept.
    let claims = we.claims().await;
    let of = |state: u8| claims.iter().filter(|claim| **claim == state).count() as u64;
    assert_eq!((of(SENT), of(UNKNOWN), claims.len() as u64), (1, ROUNDS, ROUNDS + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_was_claimed_by_a_dead_worker_is_not_sent_by_the_next() {
    let we = Deployment::start(HOURS).await;
    let network = FaultProxy::start(we.sandbox.address()).await;
    // The claim is made, and the request has not left the host.
    network.hold_on("/sms/out");
    // With its lease of 30 s it does not take the event a second time itself.
    let mut killed = we.worker(network.addr()).spawn();
    we.texts(&phone(0), "552", "hours").await;
    network.held(1, PATIENCE).await;
    killed.kill9().await;
    eventually_true(PATIENCE, "what was held is thrown away", async || network.connections() == 0).await;
    network.clear();

    let mut next = we.worker(network.addr()).env("TEXTPROOF_WORKER_LEASE_SECONDS", "2").listen().await;
    we.all_settled(1).await;
    assert_eq!((we.sent().await, counted(&next, "unknown").await), (0, 1));
    assert!(next.wrote("nobody knows"), "{next}");
    // The next text of the same person is answered.
    we.texts(&phone(0), "552", "hours").await;
    we.all_settled(2).await;
    assert_eq!((we.sent().await, counted(&next, "sent").await), (1, 1));
    assert_eq!(we.inbox(&phone(0)).await[0]["text"], format!("We are open Mon-Sat 9-6, {}.", phone(0)));
    assert!(next.terminate(PATIENCE).await.success(), "{next}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_certainly_was_not_sent_is_tried_again() {
    let we = Deployment::start(HOURS).await;
    // No money: an operator tops up, and the event comes back.
    we.post("faults", json!({ "kind": "forbidden", "on": "out", "times": 2 })).await;
    let worker = we.worker(we.sandbox.address()).env("TEXTPROOF_WORKER_LEASE_SECONDS", "3").listen().await;
    we.texts(&phone(0), "552", "hours").await;
    we.all_settled(1).await;
    assert_eq!(we.sent().await, 1, "{worker}");
    assert_eq!((counted(&worker, "not_sent").await, counted(&worker, "sent").await), (2, 1), "{worker}");
    assert_eq!(counted(&worker, "unknown").await, 0, "{worker}");
}
