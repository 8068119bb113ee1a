//! A Redis Cluster: who owns which slot, and a [`Node`] for each server.
//!
//! The client library has a cluster connection of its own, which does not fit. It sends a command again
//! whose reply was lost, unless told not to retry at all, and then `MOVED` and `ASK` come back to us anyway.
//! All its commands pass one task, which stops for everybody while it reads the slot map again or connects
//! again, so that a stalled master is felt by the keys of all others. And it has no dedicated connections
//! to the owner of a key, which blocking reads need. What is left to do beside it is this file: a table of
//! slots that may be old, since a wrong entry costs one redirect and never an answer.

pub(super) mod slots;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::select_ok};
use rand::{RngExt, seq::SliceRandom};
use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until, timeout},
};

use self::slots::Slots;
use super::{
    RedisSetupError,
    node::{Address, Node, Timeouts},
};

/// The slot map is not read more often than this, whatever happens to the cluster.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);
/// Servers that are asked for it at once; the first answer counts.
const ASKED_AT_ONCE: usize = 3;

pub(super) struct Cluster {
    /// For its own background task.
    this: Weak<Self>,
    seeds: Vec<Address>,
    /// User, password, TLS: what all nodes have in common.
    template: ConnectionInfo,
    timeouts: Timeouts,
    driver: Handle,
    nodes: Mutex<HashMap<Address, Arc<Node>>>,
    slots: RwLock<Arc<Slots>>,
    /// One refresh at a time; those who waited for it share how it ended.
    refresh: tokio::sync::Mutex<LastRefresh>,
    doubted: AtomicBool,
}

#[derive(Default)]
struct LastRefresh {
    began: Option<Instant>,
    failure: Option<RedisError>,
}

impl Cluster {
    pub(super) fn new(
        seeds: &[ConnectionInfo],
        timeouts: Timeouts,
        driver: &Handle,
    ) -> Result<Arc<Self>, RedisSetupError> {
        let template = seeds.first().ok_or(RedisSetupError::Url)?.clone();
        let seeds: Option<Vec<_>> = seeds.iter().map(Address::of).collect();
        let seeds = seeds.ok_or(RedisSetupError::Url)?;
        Ok(Arc::new_cyclic(|this| Self {
            this: this.clone(),
            seeds,
            template,
            timeouts,
            driver: driver.clone(),
            nodes: Mutex::default(),
            slots: RwLock::default(),
            refresh: tokio::sync::Mutex::default(),
            doubted: AtomicBool::new(false),
        }))
    }

    /// How long a call may look for its way.
    pub(super) fn patience(&self) -> Duration {
        self.timeouts.response
    }

    /// The master of a slot, or any without a slot. None when the cluster says that there is none.
    pub(super) async fn owner(&self, slot: Option<u16>) -> RedisResult<Option<Arc<Node>>> {
        let slots = self.slots();
        if let Some(node) = slots.owner(slot) {
            return Ok(Some(Arc::clone(node)));
        }
        self.refresh(&slots).await?;
        Ok(self.slots().owner(slot).cloned())
    }

    /// All masters.
    pub(super) async fn masters(&self) -> RedisResult<Vec<Arc<Node>>> {
        let slots = self.slots();
        if slots.is_whole() {
            return Ok(slots.masters().to_vec());
        }
        self.refresh(&slots).await?;
        let slots = self.slots();
        if slots.is_whole() {
            return Ok(slots.masters().to_vec());
        }
        Err((ErrorKind::ClusterConnectionNotFound, "there are slots without a master").into())
    }

    /// The server at this address, known or not.
    pub(super) fn node(&self, address: &Address) -> Result<Arc<Node>, RedisSetupError> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let (host, port) = (address.host.clone(), address.port);
        let place = match self.template.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let node = Arc::new(Node::new(self.template.clone().set_addr(place), self.timeouts, &self.driver)?);
        nodes.insert(address.clone(), Arc::clone(&node));
        Ok(node)
    }

    /// Has the slot map read again in the background: it may be old.
    pub(super) fn doubt(&self) {
        if self.doubted.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, seen) = (self.this.clone(), self.slots());
        self.driver.spawn(async move {
            let Some(cluster) = this.upgrade() else { return };
            let answer = cluster.refresh(&seen).await;
            cluster.doubted.store(false, Ordering::Release);
            if let Err(error) = answer {
                tracing::warn!(%error, "no node of the Redis cluster says who owns which slot");
            }
        });
    }

    fn slots(&self) -> Arc<Slots> {
        Arc::clone(&self.slots.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the slot map again, unless somebody has since it was `seen`.
    async fn refresh(&self, seen: &Arc<Slots>) -> RedisResult<()> {
        let asked = Instant::now();
        let mut last = self.refresh.lock().await;
        if !Arc::ptr_eq(seen, &self.slots()) {
            return Ok(());
        }
        if let LastRefresh { began: Some(began), failure } = &*last {
            // A queue of callers does not try one after the other what has just failed.
            if let (true, Some(error)) = (*began >= asked, failure) {
                return Err(error.clone());
            }
            let pause = REFRESH_PAUSE.mul_f64(rand::rng().random_range(1.0..2.0));
            sleep_until(*began + pause).await;
        }
        last.began = Some(Instant::now());
        let answer = timeout(self.timeouts.connect + self.timeouts.response, self.read_slots()).await;
        let answer =
            answer.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()));
        last.failure = answer.as_ref().err().cloned();
        let slots = answer?;
        let known =
            |address: &Address| slots.masters().iter().any(|node| node.address.as_ref() == Some(address));
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).retain(|address, _| known(address));
        *self.slots.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(slots);
        Ok(())
    }

    /// Asks a few servers at once, so that one that hangs delays nothing.
    async fn read_slots(&self) -> RedisResult<Slots> {
        let known = self.slots();
        let mut addresses: Vec<_> = known.masters().iter().filter_map(|node| node.address.clone()).collect();
        addresses
            .extend(self.seeds.iter().filter(|seed| !addresses.contains(seed)).cloned().collect::<Vec<_>>());
        addresses.shuffle(&mut rand::rng());
        let mut failure = None;
        for some in addresses.chunks(ASKED_AT_ONCE) {
            match select_ok(some.iter().map(|address| self.ask(address).boxed())).await {
                Ok((slots, _)) => return Ok(slots),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| (ErrorKind::ClusterConnectionNotFound, "no node is known").into()))
    }

    async fn ask(&self, address: &Address) -> RedisResult<Slots> {
        let unusable = |_| RedisError::from((ErrorKind::InvalidClientConfig, "a node's address is unusable"));
        let node = self.node(address).map_err(unusable)?;
        let reply = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut node.shared()).await?;
        let ranges = slots::ranges(reply, address)
            .ok_or((ErrorKind::UnexpectedReturnType, "the reply to CLUSTER SLOTS cannot be read"))?;
        Slots::new(ranges, |address| self.node(address)).map_err(unusable)
    }
}
