//! The operator's view of consumer groups in Redis: one script for each shard.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisStore, reply::Reply, script::GROUP_STATE};
use crate::store::{Backlog, ConsumerState, Detail, GroupState, GroupStore, Queue, StoreError};

#[async_trait]
impl GroupStore for RedisStore {
    async fn group_states(&self, group: &str, detail: Detail) -> Result<Vec<GroupState>, StoreError> {
        let shards = self.shards_to_look_in().await?;
        let mut connection = self.connections.shared();
        let mut states = Vec::new();
        for shard in 0..shards {
            let keys = [
                self.keys.queue(shard, Queue::Events),
                self.keys.due(shard),
                self.keys.dead_letters(shard),
                self.keys.queue(shard, Queue::Quarantine),
            ];
            let keys = keys.each_ref().map(String::as_str);
            let call = GROUP_STATE
                .on(&keys)
                .bytes(group)
                .number(detail.consumers as u64)
                .number(detail.dead_letters as u64);
            let reply = Reply::new(call.run_repeatable(&mut connection).await?);
            states.push(reply.and_then(state).ok_or_else(|| call.unreadable())?);
        }
        Ok(states)
    }
}

fn state(mut reply: Reply) -> Option<GroupState> {
    let mut state = GroupState {
        now_ms: reply.number()?,
        backlog: Backlog {
            events: reply.number()?,
            delayed: reply.number()?,
            dead_letters: reply.number()?,
            quarantined: reply.number()?,
        },
        oldest: u64::try_from(reply.signed()?).ok().map(Duration::from_millis),
        left: u64::try_from(reply.signed()?).ok(),
        pending: reply.number()?,
        consumer_count: reply.number()?,
        ..GroupState::default()
    };
    let consumer = |value| {
        let mut reply = Reply::new(value)?;
        let (name, pending) = (reply.text()?, reply.number()?);
        Some(ConsumerState { name, pending, longest_held: Duration::from_millis(reply.number()?) })
    };
    state.consumers = reply.nested()?.rest().map(consumer).collect::<Option<_>>()?;
    let mut reasons = reply.nested()?;
    while let Some(reason) = reasons.text() {
        state.dead_letters_by_reason.insert(reason, reasons.number()?);
    }
    Some(state)
}
