//! The engine on a Redis that forgets, refuses and comes back: it goes on by itself, and says so.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, FromRedisValue, RedisResult, cmd};
use test_support::{TestRedis, TestRedisBuilder, eventually, eventually_true};
use textproof::store::{EventStore, Queue, RedisSettings, RedisStore};
use worker::WorkerOptions;

use crate::fixture::{Doing, Logs, Recorder, Running, publish_to};

/// The pause between two tries grows to 5 s.
const PATIENCE: Duration = Duration::from_secs(30);
const STREAM: &str = "tp1:{e0}:s";
const GROUP: &str = "textproof";

/// A worker on a server, which has taken an event.
struct World {
    server: TestRedis,
    store: Arc<dyn EventStore>,
    recorder: Recorder,
    running: Running,
}

impl World {
    async fn start(server: TestRedisBuilder) -> Self {
        let server = server.start().await;
        let store = RedisStore::new(&RedisSettings::new(server.url())).expect("the URL is usable");
        let store: Arc<dyn EventStore> = Arc::new(store);
        let recorder = Recorder::new(|text| if text == "fails" { Doing::Fail } else { Doing::Succeed });
        // Sweeps come often, so that they meet the fault, too.
        let options = WorkerOptions { lease: Duration::from_millis(600), ..WorkerOptions::default() };
        let running = Running::start_on(Arc::clone(&store), vec![recorder.clone()], options);
        let world = Self { server, store, recorder, running };
        world.takes("before").await;
        world
    }

    /// Publishes an event and waits until it has taken effect and is settled.
    async fn takes(&self, text: &str) {
        publish_to(Arc::clone(&self.store), text).await;
        eventually_true(PATIENCE, "the event takes effect", async || self.recorder.count(text) == 1).await;
        eventually_true(PATIENCE, "it is settled", async || {
            self.store.depth(Queue::Events).await.is_ok_and(|depth| depth == 0)
        })
        .await;
        eventually_true(PATIENCE, "the worker is ready", async || self.running.readiness.is_ready()).await;
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        command.query_async(&mut self.server.connection().await).await.expect("the server answers")
    }

    /// The client id of the reader, once it waits in Redis.
    async fn waiting_reader(&self) -> u64 {
        eventually(PATIENCE, "the reader waits for events", async || {
            let clients: String = self.ask(cmd("CLIENT").arg("LIST")).await;
            let waits = clients.lines().find(|line| line.contains("cmd=xreadgroup"))?;
            waits.split(' ').find_map(|field| field.strip_prefix("id="))?.parse().ok()
        })
        .await
    }

    async fn is_not_ready(&self) {
        eventually_true(PATIENCE, "the worker is not ready", async || !self.running.readiness.is_ready())
            .await;
    }
}

#[tokio::test]
async fn a_group_that_is_destroyed_is_created_again_without_a_fault_and_nothing_is_skipped() {
    let logs = Logs::default();
    let _collected = logs.collect();
    let world = World::start(TestRedis::builder()).await;
    for round in 0..3 {
        world.waiting_reader().await;
        let _: u64 = world.ask(cmd("XGROUP").arg("DESTROY").arg(STREAM).arg(GROUP)).await;
        world.takes(&format!("after {round}")).await;
    }
    world.running.stop().await;
    assert!(!logs.text().contains("no events can be taken"), "{}", logs.text());
}

#[tokio::test]
async fn a_flush_under_load_loses_what_was_there_and_nothing_afterwards() {
    let world = World::start(TestRedis::builder()).await;
    publish_to(Arc::clone(&world.store), "fails").await;
    for n in 0..200 {
        if n % 50 == 25 {
            world.ask::<()>(&cmd("FLUSHALL")).await;
        }
        publish_to(Arc::clone(&world.store), &format!("{n}")).await;
    }
    world.takes("after").await;
    for n in 176..200 {
        assert_eq!(world.recorder.count(&n.to_string()), 1, "{n} came after the last flush");
    }
    world.running.stop().await;
}

#[tokio::test]
async fn a_flush_of_scripts_is_not_seen() {
    let logs = Logs::default();
    let _collected = logs.collect();
    let world = World::start(TestRedis::builder()).await;
    for round in 0..20 {
        let _: () = world.ask(cmd("SCRIPT").arg("FLUSH")).await;
        world.takes(&round.to_string()).await;
    }
    world.running.stop().await;
    assert!(!logs.text().contains("no events can be taken"), "{}", logs.text());
}

#[tokio::test]
async fn a_server_that_is_a_replica_for_a_while_is_used_again_and_said_once() {
    let logs = Logs::default();
    let _collected = logs.collect();
    let world = World::start(TestRedis::builder()).await;
    let other = TestRedis::start().await;
    // With its data, so that the group is there when it is back.
    other.follow(&world.server).await;
    other.lead().await;
    world.server.follow(&other).await;
    world.is_not_ready().await;
    // Several tries fail in the meantime.
    let mut refused = cmd("INFO");
    refused.arg("errorstats");
    eventually_true(PATIENCE, "it is refused again and again", async || {
        let errors: String = world.ask(&refused).await;
        let count =
            |line: &str| line.strip_prefix("errorstat_READONLY:count=").and_then(|n| n.trim().parse().ok());
        errors.lines().find_map(count).is_some_and(|refusals: u32| refusals >= 4)
    })
    .await;
    world.server.lead().await;
    world.takes("after").await;
    world.running.stop().await;
    assert_eq!(logs.text().matches("no events can be taken").count(), 1, "{}", logs.text());
    assert_eq!(logs.text().matches("taking events").count(), 2, "{}", logs.text());
}

#[tokio::test]
async fn a_server_that_loads_its_data_is_waited_for() {
    let logs = Logs::default();
    let _collected = logs.collect();
    let slow = TestRedis::builder()
        .arg("key-load-delay", "1000")
        .arg("loading-process-events-interval-bytes", "1024");
    let world = World::start(slow).await;
    let fill = "for n = 1, 1500 do redis.call('SET', 'k' .. n, string.rep('x', 1024)) end";
    let _: () = world.ask(cmd("EVAL").arg(fill).arg(0)).await;
    let _: () = world.ask(&cmd("SAVE")).await;
    let url = world.server.url();
    let loading = async {
        eventually_true(PATIENCE, "it says that it loads", async || {
            let Ok(client) = redis::Client::open(url.as_str()) else { return false };
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
            let answer: RedisResult<()> = cmd("PING").query_async(&mut connection).await;
            answer.is_err_and(|error| error.code() == Some("LOADING"))
        })
        .await;
        world.is_not_ready().await;
    };
    tokio::join!(world.server.restart(), loading);
    world.takes("after").await;
    world.running.stop().await;
    assert_eq!(logs.text().matches("no events can be taken").count(), 1, "{}", logs.text());
}

#[tokio::test]
async fn a_reader_that_is_unblocked_with_an_error_reads_again() {
    let world = World::start(TestRedis::builder()).await;
    for round in 0..3 {
        let reader = world.waiting_reader().await;
        let _: u64 = world.ask(cmd("CLIENT").arg("UNBLOCK").arg(reader).arg("ERROR")).await;
        world.takes(&round.to_string()).await;
    }
    world.running.stop().await;
}
