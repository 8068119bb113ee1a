//! Calls that count only when replicas have them, too: `min_replicas`.
//!
//! `WAIT` counts the replicas that have everything up to the last command of its own connection. Asked on
//! another connection it confirms nothing of what was just written, and says so with the full count; on the
//! shared one it would hold up everybody. So script and `WAIT` go as one pipeline over a connection from the
//! pool. Events are many and share one `WAIT`: see `grouped`.
//!
//! A confirmed call survives the loss of the primary if a replica that has it is promoted. `WAIT` does not
//! make Redis promote that one, nor undo what was not confirmed.

use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisResult, Value, aio::ConnectionLike, from_redis_value};

use super::{
    RedisStore, ms,
    script::{Call, is_forgotten},
};
use crate::store::StoreError;

/// How long replicas may take. Twice this, for a script that Redis has forgotten, is well below what a
/// dedicated connection allows for a reply.
const CONFIRM_WITHIN: Duration = Duration::from_secs(1);

impl RedisStore {
    /// Runs a script that recognises a repeat, and has its writes confirmed by `min_replicas` replicas. With
    /// 0 this is [`Call::run_repeatable`] on the shared connection.
    ///
    /// # Errors
    /// [`StoreError::Unconfirmed`] when too few replicas confirmed in time: the script has run.
    pub(super) async fn run_confirmed(&self, call: &Call<'_>) -> Result<Value, StoreError> {
        if self.min_replicas == 0 {
            return call.run_repeatable(&mut self.connections.shared()).await;
        }
        match self.run_durable(call).await {
            // The repeat comes over another connection, and changes nothing that the first run has not
            // changed. It is confirmed all the same: these scripts write on a repeat, too, and whoever has
            // that write has the first one.
            Err(StoreError::Unavailable { source, .. }) if source.is_connection_dropped() => {
                self.run_durable(call).await
            }
            answer => answer,
        }
    }

    async fn run_durable(&self, call: &Call<'_>) -> Result<Value, StoreError> {
        let (action, wanted) = (call.name(), self.min_replicas);
        let unavailable = |source| StoreError::Unavailable { action, source };
        let mut route = self.connections.route(call.key());
        loop {
            let (hop, mut connection) = route.dedicated(action).await?;
            match run_and_wait(&mut connection, hop.asking, call, wanted).await {
                Ok((reply, confirmed)) if confirmed >= wanted => return Ok(reply),
                Ok((_, confirmed)) => {
                    self.connections.look_for_the_primary();
                    return Err(StoreError::Unconfirmed { action, confirmed, wanted });
                }
                Err(error) => {
                    if !matches!(error.kind(), ErrorKind::Server(_)) {
                        // Closed instead of given back to the pool: a reply may still be on the way.
                        drop(deadpool_redis::Connection::take(connection));
                    }
                    if !route.again(&hop, &error) {
                        return Err(unavailable(error));
                    }
                }
            }
        }
    }
}

async fn run_and_wait(
    connection: &mut impl ConnectionLike,
    asking: bool,
    call: &Call<'_>,
    wanted: u32,
) -> RedisResult<(Value, u32)> {
    match pipelined(connection, asking, call.by_digest(), wanted).await {
        Err(error) if is_forgotten(&error) => pipelined(connection, asking, call.in_full(), wanted).await,
        answer => answer,
    }
}

/// The script's reply, and how many replicas have what it wrote.
async fn pipelined(
    connection: &mut impl ConnectionLike,
    asking: bool,
    script: Cmd,
    wanted: u32,
) -> RedisResult<(Value, u32)> {
    let mut pipeline = redis::pipe();
    if asking {
        pipeline.cmd("ASKING");
    }
    pipeline.add_command(script).add_command(wait(wanted));
    let mut replies = connection.req_packed_commands(&pipeline, 0, pipeline.len()).await?;
    let (confirmed, reply) = (replies.pop(), replies.pop());
    let reply = reply.unwrap_or(Value::Nil).extract_error()?;
    Ok((reply, confirmed_by(confirmed)?))
}

/// Waits for everything that was written on its connection.
pub(super) fn wait(wanted: u32) -> Cmd {
    let mut wait = redis::cmd("WAIT");
    wait.arg(wanted).arg(ms(CONFIRM_WITHIN));
    wait
}

/// How many replicas have it, from the reply to [`wait`].
pub(super) fn confirmed_by(reply: Option<Value>) -> RedisResult<u32> {
    Ok(from_redis_value(reply.unwrap_or(Value::Nil).extract_error()?)?)
}
