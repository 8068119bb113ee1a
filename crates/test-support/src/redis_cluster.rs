//! A Redis Cluster of one's own: three masters on free ports, each with a replica where a test
//! wants one to take over.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, InfoDict, RedisResult, cmd};

use crate::{RedisDump, TestRedis, TestRedisBuilder, eventually_true};

mod migration;

pub use migration::Migration;

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;
const FORM_DEADLINE: Duration = Duration::from_secs(20);

/// Three masters that share the slots evenly. They end with the value.
///
/// Redis lets a new cluster serve two seconds after its nodes have started, no sooner: a cluster is for a
/// test that does much, not for each of many.
#[derive(Debug)]
pub struct TestCluster {
    masters: Vec<TestRedis>,
    /// One for each master, or none at all.
    replicas: Vec<TestRedis>,
}

impl TestCluster {
    /// Starts the masters and waits until each of them answers for its slots and knows the others.
    ///
    /// # Panics
    /// When `redis-server` is missing, older than 7.0, or the cluster does not form within 20 s.
    pub async fn start() -> Self {
        Self::of(node()).await
    }

    /// As [`TestCluster::start`], with a replica for each master that takes its place a second or two after it has
    /// gone.
    ///
    /// # Panics
    /// As [`TestCluster::start`].
    pub async fn start_with_replicas() -> Self {
        let node = node()
            .arg("cluster-node-timeout", "1000")
            .arg("cluster-replica-validity-factor", "0")
            .arg("repl-diskless-sync-delay", "0");
        let mut cluster = Self::of(node.clone()).await;
        for master in 0..MASTERS {
            let replica = cluster.add_replica(master, node.clone()).await;
            cluster.replicas.push(replica);
        }
        // A replica asks those masters for their vote that it knows.
        for node in cluster.masters.iter().chain(&cluster.replicas) {
            eventually_true(FORM_DEADLINE, "every node knows every other one", async || {
                let nodes: RedisResult<String> = try_ask(node, cmd("CLUSTER").arg("NODES")).await;
                nodes.is_ok_and(|nodes| knows_all(&nodes))
            })
            .await;
        }
        cluster
    }

    async fn of(node: TestRedisBuilder) -> Self {
        let (first, second, third) =
            tokio::join!(node.clone().start(), node.clone().start(), node.clone().start());
        let cluster = Self { masters: vec![first, second, third], replicas: Vec::new() };
        cluster.share_slots().await;
        cluster.meet().await;
        cluster
    }

    /// `redis+cluster://` with all masters.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.masters.iter().map(|master| master.addr().to_string()).collect();
        format!("redis+cluster://{}", addresses.join(","))
    }

    /// The masters, to be frozen, killed, monitored or asked one by one.
    pub fn masters(&self) -> &[TestRedis] {
        &self.masters
    }

    /// The replicas, in the order of their masters.
    pub fn replicas(&self) -> &[TestRedis] {
        &self.replicas
    }

    /// The slot of a key.
    ///
    /// # Panics
    /// When the first master does not answer.
    pub async fn slot_of(&self, key: &str) -> u16 {
        ask(&self.masters[0], cmd("CLUSTER").arg("KEYSLOT").arg(key)).await
    }

    /// Which of the masters has the slot of this key, as they see it themselves.
    ///
    /// # Panics
    /// When a master does not answer, or none or several have it.
    pub async fn owner_of(&self, key: &str) -> usize {
        let slot = self.slot_of(key).await;
        let mut owners = Vec::new();
        for (index, master) in self.masters.iter().enumerate() {
            let own: String = ask(master, cmd("CLUSTER").arg("NODES")).await;
            if owns(&own, slot) {
                owners.push(index);
            }
        }
        assert_eq!(owners.len(), 1, "slot {slot} belongs to {owners:?}");
        owners[0]
    }

    /// Begins to move the slot of this key to another master; see [`Migration`].
    ///
    /// # Panics
    /// When a master does not answer, or `to` has the slot already.
    pub async fn migrate(&self, key: &str, to: usize) -> Migration<'_> {
        Migration::begin(self, self.slot_of(key).await, self.owner_of(key).await, to).await
    }

    /// Adds a replica of a master and waits until it has caught up.
    ///
    /// # Panics
    /// When it has not within 20 s.
    pub async fn replica_of(&self, master: usize) -> TestRedis {
        self.add_replica(master, TestRedis::builder().cluster_node()).await
    }

    async fn add_replica(&self, master: usize, settings: TestRedisBuilder) -> TestRedis {
        let master = &self.masters[master];
        let mut set = cmd("CONFIG");
        set.arg("SET").arg("repl-diskless-sync-delay").arg(0);
        let _: () = ask(master, &set).await;
        let replica = settings.start().await;
        meet(&replica, master).await;
        let id: String = ask(master, cmd("CLUSTER").arg("MYID")).await;
        eventually_true(FORM_DEADLINE, "the replica follows its master", async || {
            // Refused until it has heard of the master.
            let follows: RedisResult<()> = try_ask(&replica, cmd("CLUSTER").arg("REPLICATE").arg(&id)).await;
            let info: RedisResult<InfoDict> = try_ask(&replica, cmd("INFO").arg("replication")).await;
            let up = info.is_ok_and(|info| info.get::<String>("master_link_status").as_deref() == Some("up"));
            follows.is_ok() && up
        })
        .await;
        replica
    }

    /// Kills a master and waits until its replica has its slots.
    ///
    /// # Panics
    /// When it has not within 20 s, or there is none.
    pub async fn fail_over(&self, master: usize) {
        self.masters[master].kill();
        let slot = u16::try_from(master * SLOTS / MASTERS).expect("a slot");
        eventually_true(FORM_DEADLINE, "the replica has its master's slots", async || {
            let own: RedisResult<String> = try_ask(&self.replicas[master], cmd("CLUSTER").arg("NODES")).await;
            own.is_ok_and(|own| owns(&own, slot))
        })
        .await;
    }

    /// Has a master reached at another port, that of a [`FaultProxy`](crate::FaultProxy) before it: from now
    /// on, this is where clients are sent to.
    ///
    /// # Panics
    /// When not all masters say so within 20 s.
    pub async fn announce(&self, master: usize, port: u16) {
        let mut set = cmd("CONFIG");
        set.arg("SET").arg("cluster-announce-port").arg(port);
        let _: () = ask(&self.masters[master], &set).await;
        let address = format!("127.0.0.1:{port}@");
        eventually_true(FORM_DEADLINE, "all masters name the new port", async || {
            for master in &self.masters {
                let nodes: String = ask(master, cmd("CLUSTER").arg("NODES")).await;
                if !nodes.contains(&address) {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// `SCRIPT FLUSH` on all masters.
    ///
    /// # Panics
    /// When a master does not answer.
    pub async fn flush_scripts(&self) {
        for master in &self.masters {
            let _: () = ask(master, cmd("SCRIPT").arg("FLUSH")).await;
        }
    }

    /// Every key of every master, sorted by name. Not while a slot is on its way: its new master does not
    /// yet answer for it.
    pub async fn dump_all(&self) -> RedisDump {
        let mut keys = Vec::new();
        for master in &self.masters {
            keys.extend(master.dump_all().await.keys);
        }
        keys.sort_by(|one, other| one.key.cmp(&other.key));
        RedisDump { keys }
    }

    async fn share_slots(&self) {
        for (index, master) in self.masters.iter().enumerate() {
            let (first, end) = (index * SLOTS / MASTERS, (index + 1) * SLOTS / MASTERS);
            let _: () = ask(master, cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(end - 1)).await;
            // Each needs an epoch of its own, or they settle that between them while tests run.
            let _: () = ask(master, cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(index + 1)).await;
        }
    }

    async fn meet(&self) {
        for (index, master) in self.masters.iter().enumerate() {
            for other in &self.masters[index + 1..] {
                meet(master, other).await;
            }
        }
        for master in &self.masters {
            eventually_true(FORM_DEADLINE, "the masters form a cluster", async || {
                let info: RedisResult<String> = try_ask(master, cmd("CLUSTER").arg("INFO")).await;
                info.is_ok_and(|info| {
                    ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_size:3"]
                        .iter()
                        .all(|line| info.contains(line))
                })
            })
            .await;
        }
    }
}

/// A master that a test has stopped takes only its own keys with it.
fn node() -> TestRedisBuilder {
    TestRedis::builder().cluster_node().arg("cluster-require-full-coverage", "no")
}

async fn meet(node: &TestRedis, other: &TestRedis) {
    let mut meet = cmd("CLUSTER");
    meet.arg("MEET").arg("127.0.0.1").arg(other.port()).arg(other.bus_port());
    let _: () = ask(node, &meet).await;
}

/// Whether all nodes are there, reached, and either a master or a replica.
fn knows_all(nodes: &str) -> bool {
    let count = |flag: &str| nodes.lines().filter(|line| line.contains(flag)).count();
    let connected = nodes.lines().filter(|line| line.contains(" connected")).count();
    connected == 2 * MASTERS && count("slave ") == MASTERS && count("fail") + count("handshake") == 0
}

/// Reads the line about the node itself in `CLUSTER NODES`: its slots stand from the ninth field on.
fn owns(nodes: &str, slot: u16) -> bool {
    let own = nodes.lines().find(|line| line.contains("myself")).unwrap_or_default();
    own.split_whitespace().skip(8).any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        // Slots on their way stand in brackets and are named in full before.
        matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
    })
}

async fn try_ask<T: FromRedisValue>(master: &TestRedis, command: &Cmd) -> RedisResult<T> {
    command.query_async(&mut master.connection().await).await
}

async fn ask<T: FromRedisValue>(master: &TestRedis, command: &Cmd) -> T {
    try_ask(master, command).await.unwrap_or_else(|error| panic!("asking a master of the test: {error}"))
}
