//! The yardstick of the drain: one connection, XREADGROUP and the worker's settle script for every entry, pipelined.
//! It decodes nothing, and the next read goes out in the same write as the settles of the one before.

use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use redis::{Cmd, Pipeline, Value, from_redis_value};
use test_support::TestRedis;
use textproof::store::redis::scripts;

use super::{
    draining::{STREAM, left},
    engine::CONCURRENCY,
};

const GROUP: &str = "raw";
const CONSUMER: &str = "worker-0123456789ab";
const SEVEN_DAYS_MS: u32 = 604_800_000;

type Fields = Vec<(String, Value)>;
type Entries = Vec<(String, Fields)>;
type Read = Option<Vec<(String, Entries)>>;

/// Drains the stream. Returns events per second.
pub(crate) async fn drain(server: &TestRedis, events: u32) -> anyhow::Result<f64> {
    let mut connection = server.connection().await;
    connection.set_response_timeout(std::time::Duration::from_secs(30));
    let info = scripts().into_iter().find(|info| info.name == "settle_events").context("no settle script")?;
    let () = redis::cmd("SCRIPT").arg("LOAD").arg(info.source).query_async(&mut connection).await?;
    let () = redis::cmd("XGROUP")
        .arg(&["CREATE", STREAM, GROUP, "0"])
        .query_async(&mut connection)
        .await
        .context("XGROUP CREATE")?;
    let start = Instant::now();
    let mut taken: Read = read().query_async(&mut connection).await?;
    let mut settled = 0;
    while let Some(entries) = taken.and_then(|streams| streams.into_iter().next()).map(|(_, entries)| entries)
    {
        let mut pipeline = Pipeline::with_capacity(entries.len() + 1);
        for (position, fields) in &entries {
            pipeline.add_command(settle(&info.digest, position, &name(fields)?));
        }
        pipeline.add_command(read());
        let mut answers: Vec<Value> = pipeline.query_async(&mut connection).await?;
        taken = from_redis_value(answers.pop().context("no answer to the read")?)?;
        ensure!(
            answers.iter().all(|answer| *answer == Value::Array(vec![Value::Int(1)])),
            "an entry was not settled"
        );
        settled += answers.len();
    }
    let elapsed = start.elapsed();
    ensure!(settled == events as usize, "{settled} of {events} events were settled");
    ensure!(left(&mut connection).await? == 0, "entries are left");
    Ok(f64::from(events) / elapsed.as_secs_f64())
}

fn read() -> Cmd {
    let mut read = redis::cmd("XREADGROUP");
    read.arg("GROUP").arg(GROUP).arg(CONSUMER).arg("COUNT").arg(CONCURRENCY);
    read.arg("STREAMS").arg(STREAM).arg(">");
    read
}

fn settle(digest: &str, position: &str, event: &str) -> Cmd {
    let mut settle = redis::cmd("EVALSHA");
    settle.arg(digest).arg(2).arg(STREAM).arg(format!("tp1:{{e0}}:i:{event}"));
    settle.arg(GROUP).arg(CONSUMER).arg(SEVEN_DAYS_MS).arg(position).arg(1);
    settle
}

fn name(fields: &Fields) -> anyhow::Result<String> {
    for (field, value) in fields {
        if let ("i", Value::BulkString(name)) = (field.as_str(), value) {
            return Ok(String::from_utf8(name.clone())?);
        }
    }
    bail!("an entry has no id")
}
