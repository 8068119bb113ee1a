//! kill -9 between the claim of a reply and the gateway's answer.

use serde_json::json;
use test_support::{FaultProxy, eventually_true};

use super::{Deployment, counted};
use crate::fixture::PATIENCE;

const ROUNDS: u64 = 10;
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
    // The text is sent, and its answer waits for longer than this test takes.
    we.post("faults", json!({ "kind": "slow", "on": "out", "delay_ms": 600_000 })).await;
    let worker = || we.worker(we.sandbox.address()).env("TEXTPROOF_WORKER_LEASE_SECONDS", "1");

    for round in 0..ROUNDS {
        let mut killed = worker().spawn();
        we.texts(&phone(round), "552", "hours").await;
        eventually_true(PATIENCE, "the gateway has the text", async || we.sent().await == round + 1).await;
        killed.kill9().await;
    }
    we.post("faults", json!([])).await;
    let mut last = worker().listen().await;
    we.all_settled(usize::try_from(ROUNDS).expect("few")).await;

    // Nobody knows of any of them, and each was said so exactly once, by whichever worker came after the dead one.
    assert_eq!(we.sent().await, ROUNDS);
    for round in 0..ROUNDS {
        assert_eq!(we.inbox(&phone(round)).await.len(), 1, "round {round}");
    }
    assert!(counted(&last, "unknown").await >= 1, "{last}");
    assert!(last.terminate(PATIENCE).await.success(), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_was_claimed_by_a_dead_worker_is_not_sent_by_the_next() {
    let we = Deployment::start(HOURS).await;
    let network = FaultProxy::start(we.sandbox.address()).await;
    // The claim is made, and the request has not left the host.
    network.hold_on("/sms/out");
    let mut killed = we.worker(network.addr()).env("TEXTPROOF_WORKER_LEASE_SECONDS", "1").spawn();
    we.texts(&phone(0), "552", "hours").await;
    network.held(1, PATIENCE).await;
    killed.kill9().await;
    eventually_true(PATIENCE, "what was held is thrown away", async || network.connections() == 0).await;
    network.clear();

    let mut next = we.worker(network.addr()).env("TEXTPROOF_WORKER_LEASE_SECONDS", "1").listen().await;
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
    let worker = we.worker(we.sandbox.address()).env("TEXTPROOF_WORKER_LEASE_SECONDS", "1").listen().await;
    we.texts(&phone(0), "552", "hours").await;
    we.all_settled(1).await;
    assert_eq!(we.sent().await, 1, "{worker}");
    assert_eq!((counted(&worker, "not_sent").await, counted(&worker, "sent").await), (2, 1), "{worker}");
    assert_eq!(counted(&worker, "unknown").await, 0, "{worker}");
}
