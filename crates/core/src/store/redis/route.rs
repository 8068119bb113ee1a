//! The way of one call to the server that owns its key.
//!
//! A cluster may answer that a key is elsewhere (`MOVED`), may be elsewhere (`ASK`), or cannot be reached
//! just now (`TRYAGAIN`, `CLUSTERDOWN`, `LOADING`). All of these say that the call has not run, so that it
//! can be sent again: to the server that was named, or after a pause. That ends with the call's deadline.
//! A primary that Sentinel watches over may be a replica by now (`READONLY`, `MASTERDOWN`): that call waits for the
//! new one. Anything else is the answer. Above all, a call whose reply was lost may have run and is never repeated
//! here; only [`run_repeatable`](super::script::Call::run_repeatable) may, and only once.

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use redis::{Arg, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, aio::ConnectionLike};
use tokio::time::{Instant, sleep};

use super::{
    cluster::{Cluster, slots},
    connection::Topology,
    node::{Address, Node},
    refusal,
};
use crate::store::StoreError;

/// Redirects that are followed at once. More of them mean that two servers name each other.
const QUICK_REDIRECTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(128);

/// A call under way.
pub(super) struct Route<'a> {
    topology: &'a Topology,
    /// None for a command without a key: any server will do.
    slot: Option<u16>,
    /// The server that a redirect named, and whether it has to be told that it was.
    named: Option<(Arc<Node>, bool)>,
    refusals: u32,
    pause: bool,
    deadline: Instant,
}

/// One try: a server, and how to address it.
pub(super) struct Hop {
    pub(super) node: Arc<Node>,
    /// The slot is on its way to this server, which answers for it only behind `ASKING`.
    pub(super) asking: bool,
}

impl Hop {
    /// Sends a command on the shared connection of this hop.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        send(&mut self.node.shared(), self.asking, command).await
    }
}

/// Sends a command, behind `ASKING` where that is needed: for this one command, the server then answers for
/// a slot that is on its way to it.
pub(super) async fn send(
    connection: &mut impl ConnectionLike,
    asking: bool,
    command: &Cmd,
) -> RedisResult<Value> {
    if !asking {
        return connection.req_packed_command(command).await?.extract_error();
    }
    // Written in one piece, so that no other caller's command comes between the two.
    let mut pipeline = redis::pipe();
    pipeline.cmd("ASKING").add_command(command.clone());
    let mut answers = connection.req_packed_commands(&pipeline, 0, 2).await?;
    answers.pop().unwrap_or(Value::Nil).extract_error()
}

impl<'a> Route<'a> {
    pub(super) fn new(topology: &'a Topology, key: Option<&[u8]>) -> Self {
        let (slot, patience) = match topology {
            Topology::Server(_) => (None, Duration::ZERO),
            Topology::Sentinel(sentinel) => (None, sentinel.patience()),
            Topology::Cluster(cluster) => (key.map(slots::slot_of), cluster.patience()),
        };
        let deadline = Instant::now() + patience;
        Self { topology, slot, named: None, refusals: 0, pause: false, deadline }
    }

    /// The way of a command with a key. Only scripts name theirs elsewhere than first; for a command that
    /// would be wrong, Redis names the owner, and it takes one hop more.
    pub(super) fn of(topology: &'a Topology, command: &Cmd) -> Self {
        let argument = |at: usize| match command.args_iter().nth(at) {
            Some(Arg::Simple(argument)) => Some(argument),
            _ => None,
        };
        let at = if matches!(argument(0), Some(b"EVALSHA" | b"EVAL")) { 3 } else { 1 };
        Self::new(topology, argument(at))
    }

    /// The next server to try.
    ///
    /// # Errors
    /// When no server is known for the slot, or no primary was found in time.
    pub(super) async fn next(&mut self) -> RedisResult<Hop> {
        if std::mem::take(&mut self.pause) {
            self.rest().await;
        }
        let cluster = match self.topology {
            Topology::Server(node) => return Ok(Hop { node: Arc::clone(node), asking: false }),
            Topology::Sentinel(sentinel) => {
                return Ok(Hop { node: sentinel.primary(self.deadline).await?, asking: false });
            }
            Topology::Cluster(cluster) => cluster,
        };
        loop {
            if let Some((node, asking)) = self.named.take() {
                return Ok(Hop { node, asking });
            }
            if let Some(node) = cluster.owner(self.slot).await? {
                return Ok(Hop { node, asking: false });
            }
            self.refusals += 1;
            self.rest().await;
            if Instant::now() >= self.deadline {
                return Err((ErrorKind::ClusterConnectionNotFound, "the slot has no master").into());
            }
        }
    }

    /// The next server to try, and a dedicated connection to it. Drop that for good after an error: a reply may still
    /// come.
    ///
    /// # Errors
    /// As [`Route::next`], and when it cannot be opened; under Sentinel, not before the deadline.
    pub(super) async fn dedicated(
        &mut self,
        action: &'static str,
    ) -> Result<(Hop, deadpool_redis::Connection), StoreError> {
        loop {
            let hop = self.next().await.map_err(|source| StoreError::Unavailable { action, source })?;
            let error = match hop.node.dedicated(action).await {
                Ok(connection) => return Ok((hop, connection)),
                Err(error) => error,
            };
            match (self.topology, &error) {
                (Topology::Server(_), _) => return Err(error),
                // It is gone, or a replica by now.
                (Topology::Sentinel(sentinel), StoreError::Unavailable { .. }) => sentinel.lose(&hop.node),
                // A pool that is empty says nothing of the server.
                (Topology::Sentinel(sentinel), _) => {
                    sentinel.look();
                    return Err(error);
                }
                (Topology::Cluster(cluster), _) => {
                    cluster.doubt();
                    return Err(error);
                }
            }
            if Instant::now() >= self.deadline {
                return Err(error);
            }
            self.refusals += 1;
            self.pause = true;
        }
    }

    /// Takes a hop's error. True when the call has surely not run and there is time for the next hop.
    pub(super) fn again(&mut self, hop: &Hop, error: &RedisError) -> bool {
        let cluster = match self.topology {
            Topology::Server(_) => return false,
            Topology::Sentinel(sentinel) => {
                sentinel.doubt(&hop.node, error);
                self.pause = true;
                self.refusals += 1;
                return refusal::has_not_run(error) && Instant::now() < self.deadline;
            }
            Topology::Cluster(cluster) => cluster,
        };
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => self.redirect(cluster, hop, error, false),
            ErrorKind::Server(ServerErrorKind::Ask) => self.redirect(cluster, hop, error, true),
            ErrorKind::Server(ServerErrorKind::TryAgain | ServerErrorKind::BusyLoading) => self.pause = true,
            ErrorKind::Server(ServerErrorKind::ClusterDown) => {
                cluster.doubt();
                self.pause = true;
            }
            ErrorKind::Io => {
                cluster.doubt();
                return false;
            }
            _ => return false,
        }
        self.refusals += 1;
        Instant::now() < self.deadline
    }

    fn redirect(&mut self, cluster: &Arc<Cluster>, hop: &Hop, error: &RedisError, asking: bool) {
        if !asking {
            cluster.doubt();
        }
        let named = error.redirect_node().and_then(|(named, _)| Address::named(named, &hop.node));
        self.named = named.and_then(|address| cluster.node(&address).ok()).map(|node| (node, asking));
        self.pause = self.named.is_none() || self.refusals >= QUICK_REDIRECTS;
    }

    /// Longer each time, and never the same for all who were refused at once.
    async fn rest(&self) {
        let longest = FIRST_PAUSE.saturating_mul(1 << self.refusals.min(16)).min(LONGEST_PAUSE);
        let left = self.deadline.saturating_duration_since(Instant::now());
        let pause = longest.mul_f64(rand::rng().random_range(0.5..1.0));
        sleep(pause.min(left)).await;
    }
}
