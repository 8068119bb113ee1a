//! `Producer::publish` of a 250-byte webhook: look up, append and mark, every event under a new name.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, ensure};
use benches::{BODY, Numbered, redis_store};
use redis::aio::MultiplexedConnection;
use test_support::TestRedis;
use textproof::{store::Published, stream::Producer};

use crate::{
    args::Args,
    callers::{Caller, drive},
    report::Report,
    run::order,
    yardstick::{RANDOM, ScriptCall, Yardstick},
};

const TARGET: f64 = 0.85;
const STREAM: &str = "tp1:{e0}:s";
/// The widest key space that `redis-benchmark` has: so few of its ids come up twice that it does not show.
const IDS: u32 = i32::MAX as u32;

/// Runs the legs.
pub(crate) async fn run(server: &TestRedis, args: &Args) -> anyhow::Result<Report> {
    let producer = Producer::new(redis_store(server));
    let mut connection = server.connection().await;
    let envelope = envelope(&producer, &mut connection).await?;
    let yardstick = yardstick(server, args, &envelope).await?;
    let sides = ["redis-benchmark -P 16", "Producer::publish"];
    let mut report = Report::new("publish", TARGET, args, &sides);
    let numbers = Arc::new(AtomicU64::new(0));
    for side in order(sides.len(), args.rounds) {
        // Every leg fills an empty store, so that none pays for what another one left.
        let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.context("FLUSHALL")?;
        let leg = if side == 0 {
            let leg = yardstick.run().await?;
            assert_nearly_all_were_new(&mut connection, yardstick.requests()).await?;
            leg
        } else {
            let publisher = || Publisher {
                producer: producer.clone(),
                event: Numbered::new(),
                numbers: Arc::clone(&numbers),
            };
            drive((0..args.tasks).map(|_| publisher()).collect(), args.leg()).await?
        };
        report.add(side, leg);
    }
    Ok(report)
}

/// Names and values of a stream's entry.
type Fields = Vec<(String, Vec<u8>)>;

/// What the library writes beside the body: published once and read back.
async fn envelope(producer: &Producer, connection: &mut MultiplexedConnection) -> anyhow::Result<Vec<u8>> {
    Numbered::new().publish(producer, 0).await?;
    let mut last = redis::cmd("XREVRANGE");
    last.arg(STREAM).arg("+").arg("-").arg("COUNT").arg(1);
    let entries: Vec<(String, Fields)> = last.query_async(connection).await?;
    let fields = entries.into_iter().flat_map(|(_, fields)| fields);
    fields
        .into_iter()
        .find_map(|(name, value)| (name == "e").then_some(value))
        .context("the stream's entry has no envelope")
}

/// The publish script with the library's own arguments. Mark and id have different random numbers, which is
/// the same to the script.
async fn yardstick(server: &TestRedis, args: &Args, envelope: &[u8]) -> anyhow::Result<Yardstick> {
    let id = format!("evt_00000000000000000000{RANDOM}");
    let mark = format!("tp1:{{e0}}:i:{id}");
    let seven_days_ms = b"604800000";
    let call = ScriptCall {
        keys: &[STREAM, &mark, &mark],
        arguments: &[
            id.as_bytes(),
            id.as_bytes(),
            b"contents",
            envelope,
            BODY.as_bytes(),
            seven_days_ms,
            b"0",
        ],
        random_below: IDS,
    };
    Yardstick::of_script(server, "publish", call, args.tasks, args.leg()).await
}

async fn assert_nearly_all_were_new(
    connection: &mut MultiplexedConnection,
    events: u64,
) -> anyhow::Result<()> {
    let stored: u64 = redis::cmd("XLEN").arg(STREAM).query_async(connection).await?;
    // `redis-benchmark` rounds up to whole pipelines, and some of its random ids come up twice.
    ensure!(stored.abs_diff(events) * 1000 <= events, "{stored} of {events} events were new");
    Ok(())
}

struct Publisher {
    producer: Producer,
    event: Numbered,
    numbers: Arc<AtomicU64>,
}

impl Caller for Publisher {
    async fn call(&mut self) -> anyhow::Result<bool> {
        let n = self.numbers.fetch_add(1, Ordering::Relaxed);
        Ok(self.event.publish(&self.producer, n).await? == Published::New)
    }
}
