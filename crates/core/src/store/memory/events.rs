//! Event streams in memory, with one consumer group each, marks, leases and sweeps.

mod group;
mod publishing;
mod retries;
mod taking;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use super::{MemoryStore, expiring::Expiring, ms};
use crate::store::{
    Claim, Completed, DeadLetter, Due, Entry, EventReader, EventStore, Failures, GroupMember, Publish,
    Published, Queue, StoreError, Suspects, Swept,
};

#[derive(Default)]
pub(super) struct Queues {
    next_position: u64,
    pub(super) streams: HashMap<Queue, BTreeMap<u64, Stored>>,
    /// By group: what has been handed out and not settled.
    groups: HashMap<String, Group>,
    /// Entries that have left the stream of events.
    left: u64,
    pub(super) marks: Expiring<String, Mark>,
    /// By the time at which they are due and their id.
    pub(super) delayed: BTreeMap<(u64, String), Stored>,
    pub(super) dead: BTreeMap<u64, Buried>,
}

pub(super) struct Stored {
    pub(super) id: String,
    conflict: bool,
    pub(super) envelope: String,
    pub(super) raw: Bytes,
    failures: Failures,
    at: u64,
    /// When it was published, or put back from the dead letters.
    tried_since: u64,
}

pub(super) struct Buried {
    pub(super) letter: DeadLetter,
    /// Whether it was published as a conflict.
    pub(super) conflict: bool,
    at: u64,
}

#[derive(Default)]
struct Group {
    read_up_to: u64,
    pending: BTreeMap<u64, Pending>,
    /// By consumer, when it last took something or said that it is there.
    seen: HashMap<String, u64>,
}

struct Pending {
    consumer: String,
    since: u64,
    deliveries: u64,
}

/// Where an event with this identity is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkState {
    Live,
    Delayed,
    Done,
    Dead,
}

#[derive(Clone)]
pub(super) struct Mark {
    pub(super) state: MarkState,
    digest: [u8; 8],
    pub(super) position: u64,
}

#[async_trait]
impl EventStore for MemoryStore {
    /// Shards are for more than one server.
    fn shards(&self) -> u16 {
        1
    }

    async fn publish(&self, event: &Publish<'_>) -> Result<Published, StoreError> {
        let published = {
            let (mut state, now) = self.step();
            state.events.publish(event, now)
        };
        self.appended.notify_waiters();
        Ok(published)
    }

    async fn reader(&self, member: &GroupMember) -> Result<Box<dyn EventReader>, StoreError> {
        Ok(Box::new(MemoryReader { store: self.clone(), member: member.clone() }))
    }

    async fn settle_events(
        &self,
        member: &GroupMember,
        ended: &[Completed],
    ) -> Result<Vec<bool>, StoreError> {
        let (mut state, now) = self.step();
        let settle = |one: &Completed| {
            let mine = state.events.take_off(member, &one.claim).is_some();
            if mine {
                state.events.remark(&one.event, MarkState::Done, None, now);
            }
            mine
        };
        Ok(ended.iter().map(settle).collect())
    }

    async fn give_back(
        &self,
        member: &GroupMember,
        claim: &Claim,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let Some((position, group)) = state.events.held(member, claim) else {
            return Ok(false);
        };
        if let Some(pending) = group.pending.get_mut(&position) {
            pending.since = now.saturating_sub(ms(lease));
            pending.deliveries -= 1;
        }
        Ok(true)
    }

    async fn sweep(
        &self,
        member: &GroupMember,
        lease: Duration,
        cursor: &str,
        count: usize,
        suspects: Suspects,
    ) -> Result<Swept, StoreError> {
        let (mut state, now) = self.step();
        Ok(state.events.sweep(member, ms(lease), cursor, count, suspects, now))
    }

    async fn retire(&self, member: &GroupMember) -> Result<(), StoreError> {
        let (mut state, _) = self.step();
        state.events.retire(member);
        Ok(())
    }

    async fn reap(&self, member: &GroupMember, silent: Duration, most: usize) -> Result<u64, StoreError> {
        let (mut state, now) = self.step();
        Ok(state.events.reap(member, ms(silent), most, now))
    }

    async fn drop_expired(&self, _shard: u16) -> Result<u64, StoreError> {
        let (mut state, now) = self.step();
        Ok(state.events.drop_old_letters(now) + state.events.drop_old_quarantine(now))
    }

    async fn delay_event(
        &self,
        member: &GroupMember,
        event: &str,
        claim: &Claim,
        failures: &Failures,
        delay: Duration,
    ) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let Some(stored) = state.events.take_off(member, claim) else { return Ok(false) };
        state.events.remark(event, MarkState::Delayed, None, now);
        let due = (now + ms(delay), stored.id.clone());
        state.events.delayed.insert(due, Stored { failures: failures.clone(), ..stored });
        Ok(true)
    }

    async fn bury_event(
        &self,
        member: &GroupMember,
        _event: &str,
        claim: &Claim,
        failures: &Failures,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let Some(stored) = state.events.take_off(member, claim) else { return Ok(false) };
        state.events.bury(stored, claim, failures, reason, now);
        Ok(true)
    }

    async fn move_due(&self, _shard: u16, most: usize) -> Result<Due, StoreError> {
        let due = {
            let (mut state, now) = self.step();
            state.events.move_due(most, now)
        };
        if due.moved > 0 {
            self.appended.notify_waiters();
        }
        Ok(due)
    }

    async fn depth(&self, queue: Queue) -> Result<u64, StoreError> {
        let (state, _) = self.step();
        Ok(state.events.streams.get(&queue).map_or(0, |stream| stream.len() as u64))
    }
}

struct MemoryReader {
    store: MemoryStore,
    member: GroupMember,
}

#[async_trait]
impl EventReader for MemoryReader {
    async fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, StoreError> {
        let deadline = Instant::now() + block;
        loop {
            // Listening starts before looking, so that nothing appended in between is missed.
            let appended = self.store.appended.notified();
            tokio::pin!(appended);
            appended.as_mut().enable();
            let entries = {
                let (mut state, now) = self.store.step();
                state.events.take_new(&self.member, count, now)
            };
            if !entries.is_empty() || tokio::time::timeout_at(deadline, appended).await.is_err() {
                return Ok(entries);
            }
        }
    }
}

fn entry(position: u64, stored: &Stored, deliveries: u64) -> Entry {
    Entry {
        id: stored.id.clone(),
        conflict: stored.conflict,
        envelope: stored.envelope.clone(),
        raw: stored.raw.clone(),
        failures: stored.failures.clone(),
        tried_since_ms: stored.tried_since,
        claim: Claim { position: position.to_string(), deliveries },
    }
}
