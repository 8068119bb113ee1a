//! Calls of many callers that replicas confirm together: `min_replicas` for events.
//!
//! `WAIT` costs a round trip to the replicas, whatever it waits for. So there is one group under way at a time:
//! the first call goes at once, and those that come meanwhile are the next group. A group is one pipeline over one
//! dedicated connection, its scripts and then one `WAIT`, which covers all of them; see `durable` for why it must
//! be that connection. On a cluster it goes to the server that owns the slot, which is the same for all events of a
//! shard; each shard has a group of its own.
//!
//! Each caller gets the answer to its own call. One that has gone away takes nothing from the others: groups are
//! sent by a task of the store, and a call whose caller is gone before it was sent is left out.

use std::sync::Arc;

use redis::{Arg, Cmd, RedisError, RedisResult, Value, aio::ConnectionLike};
use tokio::sync::{mpsc, oneshot};

use super::{
    connection::Connections,
    durable::{confirmed_by, wait},
    refusal::has_not_run,
    route::{Hop, Route},
    script::{Call, LuaScript, is_forgotten},
};
use crate::store::StoreError;

/// Calls in one group, at most, and as many may wait for the next one; more callers wait for a place.
const GROUP: usize = 64;

/// The way into the next group. Its task ends when this and all clones of it are dropped.
#[derive(Clone)]
pub(super) struct Grouped {
    script: &'static LuaScript,
    calls: mpsc::Sender<Waiting>,
}

/// A call and who waits for its answer.
struct Waiting {
    command: Cmd,
    answer: oneshot::Sender<Result<Value, StoreError>>,
}

impl Grouped {
    /// Starts the task. All calls are of this script and have their keys in one slot; the script must recognise a
    /// repeat, and write whatever its outcome is: a repeat is confirmed by its own write.
    pub(super) fn start(connections: Arc<Connections>, script: &'static LuaScript, replicas: u32) -> Self {
        let (calls, waiting) = mpsc::channel(GROUP);
        let driver = connections.driver().clone();
        driver.spawn(Sending { connections, script, replicas }.run(waiting));
        Self { script, calls }
    }

    /// Runs the call in the next group.
    ///
    /// # Errors
    /// [`StoreError::Unconfirmed`] when too few replicas confirmed in time: the script has run.
    pub(super) async fn run(&self, call: &Call<'_>) -> Result<Value, StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::NoConnection { action: self.script.name() };
        let waiting = Waiting { command: call.by_digest(), answer };
        self.calls.send(waiting).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

struct Sending {
    connections: Arc<Connections>,
    script: &'static LuaScript,
    replicas: u32,
}

impl Sending {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut calls = Vec::with_capacity(GROUP);
        while waiting.recv_many(&mut calls, GROUP).await > 0 {
            self.send(std::mem::take(&mut calls)).await;
        }
    }

    /// Answers every call of a group.
    async fn send(&self, calls: Vec<Waiting>) {
        let mut group = Group { calls, in_full: false, repeated: false };
        let mut route: Option<Route<'_>> = None;
        loop {
            group.calls.retain(|call| !call.answer.is_closed());
            let Some(first) = group.calls.first() else { return };
            let route = route.get_or_insert_with(|| self.connections.route_of(&first.command));
            if let Err(error) = self.round(route, &mut group).await {
                for call in group.calls {
                    call.answer_with(Err(error.clone()));
                }
                return;
            }
        }
    }

    /// Sends what is left of a group, answers the calls that have run, and keeps those that surely have not and
    /// may be sent again.
    ///
    /// # Errors
    /// When all of them failed alike.
    async fn round(&self, route: &mut Route<'_>, group: &mut Group) -> Result<(), StoreError> {
        let action = self.script.name();
        let unavailable = |source| StoreError::Unavailable { action, source };
        let (hop, mut connection) = route.dedicated(action).await?;
        let sent = self.pipelined(&mut connection, &hop, group).await;
        let (replies, confirmed) = match sent {
            Ok(sent) => sent,
            Err(error) => {
                // Closed instead of given back to the pool: a reply may still be on the way.
                drop(deadpool_redis::Connection::take(connection));
                if route.again(&hop, &error)
                    || error.is_connection_dropped() && !std::mem::replace(&mut group.repeated, true)
                {
                    return Ok(());
                }
                return Err(unavailable(error));
            }
        };
        let mut refused: Vec<(Waiting, RedisError)> = Vec::new();
        let was_in_full = std::mem::take(&mut group.in_full);
        for (call, reply) in std::mem::take(&mut group.calls).into_iter().zip(replies) {
            match reply.extract_error() {
                Ok(reply) => call.answer_with(self.confirmed(reply, confirmed)),
                Err(error) if is_forgotten(&error) && !was_in_full => {
                    group.in_full = true;
                    group.calls.push(call);
                }
                Err(error) if has_not_run(&error) => refused.push((call, error)),
                Err(error) => call.answer_with(Err(unavailable(error))),
            }
        }
        let again = refused.first().is_some_and(|(_, error)| route.again(&hop, error));
        for (call, error) in refused {
            if again { group.calls.push(call) } else { call.answer_with(Err(unavailable(error))) }
        }
        Ok(())
    }

    fn confirmed(&self, reply: Value, confirmed: u32) -> Result<Value, StoreError> {
        if confirmed >= self.replicas {
            return Ok(reply);
        }
        self.connections.look_for_the_primary();
        Err(StoreError::Unconfirmed { action: self.script.name(), confirmed, wanted: self.replicas })
    }

    /// The reply to each call, and how many replicas have what all of them wrote.
    async fn pipelined(
        &self,
        connection: &mut impl ConnectionLike,
        hop: &Hop,
        group: &Group,
    ) -> RedisResult<(Vec<Value>, u32)> {
        let mut pipeline = redis::pipe();
        for (n, call) in group.calls.iter().enumerate() {
            if hop.asking {
                pipeline.cmd("ASKING");
            }
            // After the first one in full, Redis knows the script again.
            let in_full = group.in_full && n == 0;
            pipeline.add_command(if in_full { self.in_full(&call.command) } else { call.command.clone() });
        }
        pipeline.add_command(wait(self.replicas));
        let mut replies = connection.req_packed_commands(&pipeline, 0, pipeline.len()).await?;
        // A replica refuses WAIT, too, but what it says of the scripts tells that they have not run.
        let confirmed = confirmed_by(replies.pop()).map_err(|error| {
            let refusals = replies.iter().filter_map(|reply| reply.clone().extract_error().err());
            refusals.into_iter().find(has_not_run).unwrap_or(error)
        })?;
        let step = if hop.asking { 2 } else { 1 };
        Ok((replies.into_iter().skip(step - 1).step_by(step).collect(), confirmed))
    }

    /// A call by digest as one with the source.
    fn in_full(&self, by_digest: &Cmd) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(self.script.source());
        for argument in by_digest.args_iter().skip(2) {
            if let Arg::Simple(argument) = argument {
                command.arg(argument);
            }
        }
        command
    }
}

/// Calls under way together.
struct Group {
    calls: Vec<Waiting>,
    /// Redis has forgotten the script.
    in_full: bool,
    /// The connection was lost once.
    repeated: bool,
}

impl Waiting {
    fn answer_with(self, answer: Result<Value, StoreError>) {
        // An error says that the caller has gone.
        let _ = self.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use test_support::eventually_true;

    use super::super::{RedisSettings, RedisStore};
    use super::*;

    #[tokio::test]
    async fn the_task_and_its_connections_end_with_the_last_store() {
        let mut settings = RedisSettings::new("redis://127.0.0.1:1");
        settings.min_replicas = 1;
        let store = RedisStore::new(&settings).unwrap();
        let connections = Arc::downgrade(&store.connections);
        let clone = store.clone();
        drop(store);
        assert!(connections.upgrade().is_some());
        drop(clone);
        eventually_true(Duration::from_secs(5), "the task ends", async || connections.upgrade().is_none())
            .await;
    }
}
