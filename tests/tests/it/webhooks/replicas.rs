//! A replica that does not confirm: what was answered 200 waits in the spool, also what the primary has.

use redis::cmd;
use test_support::eventually_true;

use super::{
    senders::{Senders, Told},
    spool::{RATE, Spooling, go_on_for, outage},
};
use crate::fixture::{EVENTS, PATIENCE, delivered, http, post};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_replica_has_confirmed_stays_in_the_spool_until_one_has() {
    let spooling = Spooling::start().await;
    let replica = spooling.world.redis.replica().await;
    let ingest = spooling.ingest().env("TEXTPROOF_REDIS_MIN_REPLICAS", "1").listen().await;
    let (mut told, http) = (Told::default(), http());
    let mut send = async |message: &str| {
        assert_eq!(post(&http, &spooling.url(), delivered(message)).await.0, 200, "{ingest}");
        told.acknowledged.insert(message.to_owned());
    };
    send("before").await;
    // On a busy machine even that one may have taken the way through the spool.
    spooling.drained().await;
    assert_eq!(spooling.world.depth(EVENTS).await, 1);

    replica.freeze();
    // It goes to the primary, which has it, and nobody confirms it within the time of an answer.
    send("unconfirmed").await;
    eventually_true(PATIENCE, "the primary has it", async || spooling.world.depth(EVENTS).await == 2).await;
    // Some of these find the store away, others reach the primary alike.
    for number in 0..5 {
        send(&format!("n{number}")).await;
    }
    // The drain has asked for a confirmation and got none: what it asked about stays.
    eventually_true(PATIENCE, "the drain says so", async || ingest.wrote("only 0 of 1 replicas confirmed"))
        .await;
    assert_eq!(spooling.spooled().await, 6, "{ingest}");

    replica.thaw();
    spooling.drained().await;
    spooling.assert_exactly_once(&told).await;
    let confirmed: usize =
        cmd("XLEN").arg(EVENTS).query_async(&mut replica.connection().await).await.expect("it answers");
    assert_eq!(confirmed, 7, "the replica has them all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_hangs_under_load_loses_nothing_and_doubles_nothing() {
    let spooling = Spooling::start().await;
    let replica = spooling.world.redis.replica().await;
    let process = || spooling.ingest().env("TEXTPROOF_REDIS_MIN_REPLICAS", "1");
    let mut ingest = process().listen().await;
    let senders = Senders::start(&spooling.url(), RATE);
    go_on_for(&senders, std::time::Duration::from_secs(1)).await;
    replica.freeze();
    go_on_for(&senders, outage() / 2).await;
    assert!(spooling.spooled().await > 0);
    ingest.kill9().await;
    let ingest = process().listen().await;
    go_on_for(&senders, outage() / 2).await;
    replica.thaw();
    go_on_for(&senders, std::time::Duration::from_secs(1)).await;
    let told = senders.stop().await;
    spooling.drained().await;
    spooling.assert_exactly_once(&told).await;
    assert!(told.late.is_empty(), "answers that took 2 s or more: {:?} {ingest}", told.late);
    assert!(told.refused.is_empty(), "with a spool nobody is turned away: {ingest}");
}
