//! Redis dies or hangs: the sender is told to keep the webhook, soon, and what was acknowledged is there.

use std::{collections::HashSet, time::Duration};

use test_support::{Fsync, Process, TestRedis, eventually_true};
use tokio::time::Instant;

use super::senders::{Senders, Told};
use crate::fixture::{EVENTS, PATIENCE, World, delivered, http, post, websms};

/// Webhooks a second.
const RATE: u32 = 400;
/// Webhooks that are turned away before Redis comes back.
const REFUSED: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_redis_is_killed() {
    let redis = TestRedis::builder().aof(Fsync::Always).start().await;
    let world = World::on(redis, "");
    let ingest = world.binary("webhook-ingest").listen().await;
    let senders = Senders::start(&websms(&ingest), RATE);
    eventually_true(PATIENCE, "webhooks are acknowledged", async || senders.acknowledged() >= 100).await;
    world.redis.kill();
    eventually_true(PATIENCE, "webhooks are turned away", async || senders.so_far().refused.len() >= REFUSED)
        .await;
    told_to_come_back(&ingest, "while-down").await;

    world.redis.restart().await;
    let before = senders.acknowledged();
    eventually_true(PATIENCE, "webhooks are acknowledged again", async || {
        senders.acknowledged() > before + 100
    })
    .await;
    let Told { acknowledged, refused, .. } = senders.stop().await;
    let url = websms(&ingest);
    for message in refused.iter().map(String::as_str).chain(["while-down"]) {
        let (status, _) = post(&http(), &url, delivered(message)).await;
        assert_eq!(status, 200, "redelivery of {message}: {ingest}");
    }
    let dump = world.redis.dump_all().await;
    let stream = dump.keys.iter().find(|key| key.key == EVENTS.as_bytes());
    let stream = stream.expect("the event stream");
    let all: HashSet<_> = acknowledged.iter().chain(&refused).cloned().collect();
    let bodies: HashSet<_> = stream.contents.iter().map(Vec::as_slice).collect();
    for message in &all {
        assert!(bodies.contains(delivered(message).as_bytes()), "{message} is lost");
    }
    // Refused ones that were stored all the same are not stored twice.
    assert_eq!(world.depth(EVENTS).await, all.len() + 1);
}

#[tokio::test]
async fn an_answer_comes_in_two_seconds_though_redis_hangs() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let (http, url) = (http(), websms(&ingest));
    assert_eq!(post(&http, &url, delivered("before")).await.0, 200);
    world.redis.freeze();
    for message in ["hung-1", "hung-2"] {
        told_to_come_back(&ingest, message).await;
    }
    world.redis.thaw();
    for message in ["hung-1", "hung-2"] {
        eventually_true(PATIENCE, "a redelivery is stored", async || {
            post(&http, &url, delivered(message)).await.0 == 200
        })
        .await;
    }
    assert_eq!(world.depth(EVENTS).await, 3);
}

/// 503 with `Retry-After` and nothing else, in less than 2 s.
async fn told_to_come_back(ingest: &Process, message: &str) {
    let asked = Instant::now();
    let answer = http().post(websms(ingest)).body(delivered(message)).send().await;
    let answer = answer.expect("an answer");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(answer.status(), 503);
    let wait = answer.headers()["retry-after"].to_str().expect("text").parse::<u64>();
    assert!(wait.is_ok_and(|seconds| (1..=60).contains(&seconds)));
    assert!(answer.bytes().await.expect("a whole answer").is_empty());
}
