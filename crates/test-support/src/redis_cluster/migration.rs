//! Moving a slot in steps, as `redis-cli --cluster reshard` does, so that a test can act between them.

use redis::cmd;

use super::{TestCluster, ask};
use crate::TestRedis;

/// A slot on its way: keys that are still there are at its old master, all others at the new one.
#[derive(Debug)]
#[must_use = "the slot stays on its way until finish()"]
pub struct Migration<'a> {
    cluster: &'a TestCluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl<'a> Migration<'a> {
    pub(super) async fn begin(cluster: &'a TestCluster, slot: u16, from: usize, to: usize) -> Self {
        assert_ne!(from, to, "slot {slot} is there already");
        let migration = Self { cluster, slot, from, to };
        let (source, target) = (migration.source(), migration.target());
        migration.set_slot(target, "IMPORTING", source).await;
        migration.set_slot(source, "MIGRATING", target).await;
        migration
    }

    /// Moves at most `count` keys, and returns how many there were.
    ///
    /// # Panics
    /// When a master refuses.
    pub async fn move_keys(&self, count: usize) -> usize {
        let mut find = cmd("CLUSTER");
        find.arg("GETKEYSINSLOT").arg(self.slot).arg(count);
        let keys: Vec<Vec<u8>> = ask(self.source(), &find).await;
        for key in &keys {
            let mut migrate = cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(self.target().port()).arg(key).arg(0).arg(5000);
            // NOKEY when the key ended in between.
            let _: String = ask(self.source(), &migrate).await;
        }
        keys.len()
    }

    /// Moves the rest and makes the new master the owner, to everybody's knowledge.
    ///
    /// # Panics
    /// When a master refuses.
    pub async fn finish(self) {
        while self.move_keys(100).await > 0 {}
        // The new owner first: at no time may both of them refuse the slot.
        let rest = (0..self.cluster.masters().len()).filter(|index| *index != self.to && *index != self.from);
        for index in [self.to, self.from].into_iter().chain(rest) {
            self.set_slot(&self.cluster.masters()[index], "NODE", self.target()).await;
        }
    }

    async fn set_slot(&self, on: &TestRedis, state: &str, node: &TestRedis) {
        let id: String = ask(node, cmd("CLUSTER").arg("MYID")).await;
        let _: () = ask(on, cmd("CLUSTER").arg("SETSLOT").arg(self.slot).arg(state).arg(id)).await;
    }

    fn source(&self) -> &TestRedis {
        &self.cluster.masters()[self.from]
    }

    fn target(&self) -> &TestRedis {
        &self.cluster.masters()[self.to]
    }
}
