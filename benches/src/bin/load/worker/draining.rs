//! A full stream is emptied: every event read, handled and settled.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use benches::{Numbered, concurrently, redis_store};
use redis::aio::MultiplexedConnection;
use test_support::TestRedis;
use textproof::{store::Published, stream::Producer};
use tokio::time::timeout;

use super::engine::{Counting, Engine};

pub(crate) const STREAM: &str = "tp1:{e0}:s";
const DEADLINE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(2);

/// Empties the server and publishes this many events, each with its mark, as an ingest would.
pub(crate) async fn fill(server: &TestRedis, events: u32) -> anyhow::Result<()> {
    let mut connection = server.connection().await;
    let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.context("FLUSHALL")?;
    let producer = Producer::new(redis_store(server));
    concurrently(events, move |n| {
        let producer = producer.clone();
        async move {
            let published = Numbered::new().publish(&producer, n.into()).await;
            assert!(matches!(published, Ok(Published::New)), "{published:?}");
        }
    })
    .await;
    ensure!(left(&mut connection).await? == u64::from(events), "some events were not published");
    Ok(())
}

/// Entries on the stream. A settled entry is off it.
pub(crate) async fn left(connection: &mut MultiplexedConnection) -> anyhow::Result<u64> {
    Ok(redis::cmd("XLEN").arg(STREAM).query_async(connection).await?)
}

/// Drains with the engine. Returns events per second, until the last one is settled.
pub(crate) async fn drain(server: &TestRedis, events: u32) -> anyhow::Result<f64> {
    let mut connection = server.connection().await;
    let handled = Counting::default();
    let start = Instant::now();
    let engine = Engine::start(redis_store(server), handled.clone());
    let emptied = async {
        while handled.so_far() < u64::from(events) || left(&mut connection).await? > 0 {
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(start.elapsed())
    };
    let elapsed = timeout(DEADLINE, emptied).await.context("the worker did not drain in time")??;
    engine.stop().await?;
    ensure!(handled.so_far() == u64::from(events), "{} of {events} events were handled", handled.so_far());
    Ok(f64::from(events) / elapsed.as_secs_f64())
}
