//! Nothing that a log must not hold is in the log, however loud, and an outage does not flood it.

use std::time::Duration;

use test_support::eventually_true;

use super::{
    senders::Senders,
    spool::{RATE, Spooling, go_on_for},
};
use crate::{
    fixture::{EVENTS, PATH_SECRET, PATIENCE, SIGNING_SECRET, World, http, post, reply, signature, websms},
    webhooks::raw,
};

#[tokio::test]
async fn the_loudest_log_holds_no_path_secret_no_text_and_no_number() {
    const TEXT: &str = "canary-text-of-a-person";
    const PHONE: &str = "+64211234567";
    let world = World::start().await;
    let mut ingest = world.binary("webhook-ingest").env("RUST_LOG", "trace").listen().await;
    let mut worker = world.binary("worker").env("RUST_LOG", "trace").listen().await;
    let client = http();
    let body = reply("logged", PHONE, TEXT, 1_700_000_000);
    assert_eq!(post(&client, &websms(&ingest), body.clone()).await.0, 200);
    let stop = reply("stopped", PHONE, "STOP", 1_700_000_000);
    assert_eq!(post(&client, &websms(&ingest), stop).await.0, 200);
    let wrong = format!("{}/hooks/websms/{PATH_SECRET}-wrong", ingest.url());
    assert_eq!(post(&client, &wrong, body.clone()).await.0, 404);
    let unknown = format!("{}/hooks/nobody/{PATH_SECRET}", ingest.url());
    assert_eq!(post(&client, &unknown, body.clone()).await.0, 404);
    let kept = body.replace("\"mo\"", "\"unknown\"");
    assert_eq!(post(&client, &websms(&ingest), kept).await.0, 200);
    let signed = client.post(format!("{}/hooks/mac", ingest.url()));
    let signed = signed.header("X-MAC-Signature", signature(&body)).body(body.clone());
    assert_eq!(signed.send().await.expect("an answer").status(), 200);
    let path = websms(&ingest).replace(&ingest.url(), "");
    raw::exchange(ingest.address(), format!("POST {path} HTTP/9.9\r\n\r\n")).await;
    raw::exchange(ingest.address(), raw::request("GET", &path, "")).await;
    eventually_true(PATIENCE, "the reply is acted on", async || world.depth(EVENTS).await == 0).await;
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
    world.redis.kill();
    assert_eq!(post(&client, &websms(&ingest), body).await.0, 503);
    assert_eq!(ingest.terminate(PATIENCE).await.code(), Some(0));

    assert!(ingest.wrote("webhook stored"), "it logs at all: {ingest}");
    assert!(worker.wrote("consent changed"), "it logs at all: {worker}");
    for process in [ingest, worker] {
        let log = process.stdout() + &process.stderr();
        for canary in [PATH_SECRET, "/hooks/", SIGNING_SECRET, TEXT, PHONE, &PHONE[1..]] {
            let found = log.lines().find(|line| line.contains(canary));
            assert_eq!(found, None, "{canary}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_one_webhook_at_a_time_asks_it_and_the_log_is_no_flood() {
    let spooling = Spooling::start().await;
    let ingest = spooling.ingest().listen().await;
    let senders = Senders::start(&spooling.url(), RATE);
    go_on_for(&senders, Duration::from_secs(1)).await;
    spooling.world.redis.freeze();
    let said = || ingest.stderr().matches("the store cannot take an event: into the spool").count();
    // Those that had asked before the first one gave up.
    eventually_true(PATIENCE, "one has gone to the spool", async || said() > 0).await;
    go_on_for(&senders, Duration::from_secs(1)).await;
    let (at_first, acknowledged) = (said(), senders.acknowledged());
    go_on_for(&senders, Duration::from_secs(3)).await;
    let (said, acknowledged) = (said() - at_first, senders.acknowledged() - acknowledged);
    assert!(said * 20 < acknowledged, "{said} of {acknowledged} asked");
    spooling.world.redis.thaw();
    senders.stop().await;
}
