//! Events that do as they are told, the workers that act on them, and what came of it.
//!
//! `tests/src/bin/acting_worker` is that worker. It keeps what was done in the second database of the test's Redis, so
//! that the first one holds what the product writes and nothing else.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use redis::{Cmd, FromRedisValue, aio::MultiplexedConnection, cmd};
use test_support::{Process, ProcessBuilder, TestRedis, eventually_true};
use textproof::store::{Backlog, DeadLetter, DeadLetterStore, Order};

use crate::{
    fixture::{PATIENCE, World, http, post, reply, websms},
    name::Name,
};

/// Webhooks that are posted at the same time.
const SENDERS: usize = 16;
const RECEIVED: u64 = 1_700_000_000;

/// A worker whose handler does as an event says.
pub(crate) fn acting_worker(world: &World) -> ProcessBuilder {
    world.binary("acting_worker").env("ACTING_LEDGER", ledger_url(&world.redis)).env("RUST_LOG", "info")
}

/// Posts replies that say what is to be done with them.
pub(crate) struct Told {
    http: reqwest::Client,
    url: String,
}

impl Told {
    pub(crate) fn new(ingest: &Process) -> Self {
        Self { http: http(), url: websms(ingest) }
    }

    /// Posts one until it is accepted, and gives its event's id. See `acting_worker` for what a script says.
    pub(crate) async fn post(&self, message: &str, script: &str) -> String {
        let body = reply(message, "+64211234567", script, RECEIVED);
        eventually_true(PATIENCE, "the webhook is accepted", async || {
            post(&self.http, &self.url, body.clone()).await.0 == 200
        })
        .await;
        let timestamp = RECEIVED.to_string();
        Name { kind: "reply", message_id: message, status_code: None, timestamp }.event_id()
    }

    /// The same for many, some at a time; the ids are in the same order.
    pub(crate) async fn post_all(&self, told: &[(String, &str)]) -> Vec<String> {
        let posting = told.iter().map(|(message, script)| self.post(message, script));
        stream::iter(posting).buffered(SENDERS).collect().await
    }
}

/// What the workers did.
pub(crate) struct Ledger {
    connection: MultiplexedConnection,
}

impl Ledger {
    pub(crate) async fn open(redis: &TestRedis) -> Self {
        let client = redis::Client::open(ledger_url(redis)).expect("the URL of a test's Redis");
        let connection = client.get_multiplexed_async_connection().await;
        Self { connection: connection.expect("the test's Redis") }
    }

    /// When each event took effect, in milliseconds by the clock of Redis.
    pub(crate) async fn effects(&mut self) -> HashMap<String, u64> {
        self.ask(cmd("HGETALL").arg("effects")).await
    }

    /// How many effects there were, whoever they were of.
    pub(crate) async fn total(&mut self) -> usize {
        self.ask::<Option<usize>>(cmd("GET").arg("total")).await.unwrap_or(0)
    }

    /// When each event was started, by the clock of Redis.
    pub(crate) async fn starts(&mut self) -> HashMap<String, Vec<u64>> {
        const AT_ONCE: usize = 1000;
        let keys: Vec<String> = self.ask(cmd("KEYS").arg("starts:*")).await;
        let mut starts = HashMap::new();
        for some in keys.chunks(AT_ONCE) {
            let mut pipeline = redis::pipe();
            for key in some {
                pipeline.cmd("LRANGE").arg(key).arg(0).arg(-1);
            }
            let times: Vec<Vec<u64>> =
                pipeline.query_async(&mut self.connection).await.expect("the test's Redis");
            let ids = some.iter().map(|key| key.trim_start_matches("starts:").to_owned());
            starts.extend(ids.zip(times));
        }
        starts
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> T {
        command.query_async(&mut self.connection).await.expect("the test's Redis")
    }
}

pub(crate) async fn backlog(world: &World) -> Backlog {
    world.store().backlog().await.expect("the test's Redis")
}

pub(crate) async fn dead_letters(world: &World) -> Vec<DeadLetter> {
    world.store().dead_letters(Order::OldestFirst, None, 100).await.expect("the test's Redis")
}

fn ledger_url(redis: &TestRedis) -> String {
    format!("{}/1", redis.url())
}
