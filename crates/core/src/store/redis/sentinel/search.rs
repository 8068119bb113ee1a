//! Asking the sentinels, and looking whether the server that they name is what they say.

use std::{collections::HashMap, sync::Arc};

use futures_util::{
    FutureExt,
    future::{join_all, select_ok},
};
use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult};
use tokio::runtime::Handle;

use super::super::{
    RedisSetupError,
    node::{Address, Node, Timeouts},
};

pub(super) struct Search {
    sentinels: Vec<Node>,
    /// What the sentinels call the primary.
    name: String,
    /// User, password, database and TLS of the servers.
    template: ConnectionInfo,
    timeouts: Timeouts,
    driver: Handle,
}

impl Search {
    pub(super) fn new(
        sentinels: Vec<ConnectionInfo>,
        name: String,
        template: ConnectionInfo,
        timeouts: Timeouts,
        driver: &Handle,
    ) -> Result<Self, RedisSetupError> {
        let sentinels = sentinels
            .into_iter()
            .map(|sentinel| Node::new(sentinel, timeouts, driver))
            .collect::<Result<_, _>>()?;
        Ok(Self { sentinels, name, template, timeouts, driver: driver.clone() })
    }

    /// The primary that a sentinel names and that says the same of itself. All sentinels are asked at once and the
    /// first such server counts: one that hangs delays nothing, one that is behind names a server that refuses.
    ///
    /// # Errors
    /// One of the failures, when there is no such server.
    pub(super) async fn primary(&self) -> RedisResult<Arc<Node>> {
        let tries = self
            .sentinels
            .iter()
            .map(|sentinel| async move { self.open(&self.ask(sentinel).await?).await }.boxed());
        select_ok(tries).await.map(|(primary, _)| primary)
    }

    /// Another server than this one, when more sentinels name it than name this one, and it is a primary. One that is cut
    /// off with an old primary must not take callers away from the present one.
    pub(super) async fn successor_of(&self, primary: &Node) -> Option<Arc<Node>> {
        let mut votes = self.votes().await;
        let present = primary.address.as_ref().and_then(|present| votes.remove(present)).unwrap_or_default();
        let (other, most) = votes.into_iter().max_by_key(|(_, votes)| *votes)?;
        if most <= present {
            return None;
        }
        self.open(&other).await.ok()
    }

    /// How many sentinels name this server, of how many.
    pub(super) async fn votes_for(&self, primary: Option<&Address>) -> (usize, usize) {
        let votes = self.votes().await;
        (primary.and_then(|primary| votes.get(primary)).copied().unwrap_or_default(), self.sentinels.len())
    }

    /// How many sentinels name each server.
    async fn votes(&self) -> HashMap<Address, usize> {
        let named = join_all(self.sentinels.iter().map(|sentinel| self.ask(sentinel))).await;
        let mut votes = HashMap::new();
        for address in named.into_iter().flatten() {
            *votes.entry(address).or_default() += 1;
        }
        votes
    }

    /// The server as the log has it.
    pub(super) fn named(&self, node: &Node) -> String {
        node.address.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    async fn ask(&self, sentinel: &Node) -> RedisResult<Address> {
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let named: Option<(String, u16)> = command
            .query_async(&mut sentinel.shared())
            .await
            .map_err(|error| said_by("a sentinel cannot be asked", sentinel.address.as_ref(), &error))?;
        let (host, port) = named.ok_or_else(|| {
            let text = "the sentinels know no primary of this name";
            RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, text, self.name.clone()))
        })?;
        Ok(Address { host, port })
    }

    async fn open(&self, address: &Address) -> RedisResult<Arc<Node>> {
        let (host, port) = (address.host.clone(), address.port);
        let place = match self.template.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let info = self.template.clone().set_addr(place);
        let unusable =
            |error| said_by("the server that a sentinel names cannot be used", Some(address), &error);
        Node::of_primary(info, self.timeouts, &self.driver).await.map(Arc::new).map_err(unusable)
    }
}

/// Names who is at fault; and a caller must not take a search that failed for a call of its own that was cut off.
fn said_by(what: &'static str, address: Option<&Address>, error: &RedisError) -> RedisError {
    let address = address.map(ToString::to_string).unwrap_or_default();
    (ErrorKind::Client, what, format!("{address}: {error}")).into()
}
