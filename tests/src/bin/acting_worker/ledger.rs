//! What was done, in a Redis database of its own: the starts of each event, and the effects, once each.

use std::time::Duration;

use redis::{
    Client, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

/// Shorter than any lease in a test.
const TIMEOUT: Duration = Duration::from_millis(500);

/// RETURNS how often the event was started, this time included.
const NOTE_START: &str = "
    local time = redis.call('TIME')
    return redis.call('RPUSH', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000))";

/// The total moves only when the event is new to the effects: a merge, keyed by the event.
const TAKE_EFFECT: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    if redis.call('HSETNX', KEYS[1], ARGV[1], now) == 1 then redis.call('INCR', KEYS[2]) end
    return 1";

pub(crate) struct Ledger {
    connection: ConnectionManager,
    note_start: Script,
    take_effect: Script,
}

impl Ledger {
    /// Connects when it is first used, and again whenever the connection was lost.
    pub(crate) fn new(url: &str) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Self { connection, note_start: Script::new(NOTE_START), take_effect: Script::new(TAKE_EFFECT) })
    }

    pub(crate) async fn note_start(&self, id: &str) -> RedisResult<usize> {
        let call = self.note_start.key(format!("starts:{id}"));
        call.invoke_async(&mut self.connection.clone()).await
    }

    pub(crate) async fn take_effect(&self, id: &str) -> RedisResult<()> {
        let mut call = self.take_effect.key("effects");
        call.key("total").arg(id).invoke_async(&mut self.connection.clone()).await
    }
}
