//! The stores under measurement.

use std::sync::Arc;

use test_support::TestRedis;
use textproof::store::{HealthStore as _, MemoryStore, RedisSettings, RedisStore, Store};

/// A store in this server with the default settings, as a service would have it.
///
/// # Panics
/// When the server's URL is not usable.
pub fn redis_store(server: &TestRedis) -> Arc<RedisStore> {
    Arc::new(RedisStore::new(&RedisSettings::new(server.url())).expect("a usable URL"))
}

/// An empty store: in this server, or in memory without one. A sample that starts empty costs the same
/// whether it is the first or the last.
///
/// # Panics
/// When the server does not answer.
pub async fn empty_store(server: Option<&TestRedis>) -> Arc<dyn Store> {
    let Some(server) = server else {
        return Arc::new(MemoryStore::new());
    };
    let mut connection = server.connection().await;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.expect("FLUSHALL answers");
    let store = redis_store(server);
    // The store connects with its first call, which is none of the measured ones.
    store.ping().await.expect("the store answers");
    store
}
