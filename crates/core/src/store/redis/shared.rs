//! The shared connection as the ports see it: they send commands, and where servers change each one finds its way.

use futures_util::future::try_join_all;
use redis::{Cmd, ErrorKind, Pipeline, RedisFuture, RedisResult, Value, aio::ConnectionLike};

use super::{connection::Topology, driver::HostedConnection, route::Route};

/// Whatever answers commands.
pub(super) enum SharedConnection<'c> {
    Server(HostedConnection),
    Routed(&'c Topology),
}

impl ConnectionLike for SharedConnection<'_> {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(command),
            Self::Routed(topology) => Box::pin(send(topology, command)),
        }
    }

    /// Routed, the commands travel each on its own and side by side: what goes to the same server is
    /// pipelined there anyway. A transaction is refused: it would need one server.
    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(commands, offset, count),
            Self::Routed(_) if commands.is_transaction() => Box::pin(async {
                Err((ErrorKind::Client, "a transaction needs one server that stays the same").into())
            }),
            Self::Routed(topology) => {
                Box::pin(try_join_all(commands.cmd_iter().map(|command| send(topology, command))))
            }
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Routed(_) => 0,
        }
    }
}

async fn send(topology: &Topology, command: &Cmd) -> RedisResult<Value> {
    let mut route = Route::of(topology, command);
    loop {
        let hop = route.next().await?;
        match hop.send(command).await {
            Err(error) if route.again(&hop, &error) => {}
            answer => return answer,
        }
    }
}
