//! What a worker that has nothing to do asks of Redis.

use std::{sync::Arc, time::Duration};

use test_support::TestRedis;
use textproof::store::{RedisSettings, RedisStore};

use super::{
    engine::{Counting, Engine},
    figures::Figure,
};

/// Opening connections, creating groups and the first sweep are not rest.
const SETTLING: Duration = Duration::from_secs(2);
const WATCHED: Duration = Duration::from_secs(10);

/// Commands a second from the worker's connections, against one for each shard; a script call is one command.
pub(crate) async fn run(shards: u16) -> anyhow::Result<Figure> {
    let server = TestRedis::start().await;
    let mut settings = RedisSettings::new(server.url());
    settings.shards = shards;
    let engine = Engine::start(Arc::new(RedisStore::new(&settings)?), Counting::default());
    tokio::time::sleep(SETTLING).await;
    let monitor = server.monitor().await;
    tokio::time::sleep(WATCHED).await;
    let lines = monitor.stop().await;
    engine.stop().await?;
    let called = lines.iter().filter(|line| !line.contains(" lua] ")).count();
    let per_second = called as f64 / WATCHED.as_secs_f64();
    let name = if shards == 1 { "idle, commands/s, 1 shard" } else { "idle, commands/s, 4 shards" };
    Ok(Figure::at_most(name, per_second, shards.into(), Some(2.0)))
}
