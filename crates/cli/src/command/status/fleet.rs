//! The shards of a group as one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::{Value, json};
use textproof::store::{Backlog, ConsumerState, GroupState};

/// Sums over all shards, and each of them.
pub(super) struct Fleet {
    pub(super) backlog: Backlog,
    pub(super) oldest: Option<Duration>,
    pub(super) pending: u64,
    /// In each second, what left the streams: settled, put off or buried.
    pub(super) rate: Option<f64>,
    pub(super) reasons: BTreeMap<String, u64>,
    /// A process has one name in every shard.
    pub(super) consumer_count: u64,
    /// Those with the most in their hands first.
    pub(super) consumers: Vec<ConsumerState>,
    pub(super) shards: Vec<GroupState>,
}

impl Fleet {
    pub(super) fn of(states: &[GroupState], before: Option<&[GroupState]>) -> Self {
        let (mut backlog, mut reasons) = (Backlog::default(), BTreeMap::new());
        for state in states {
            backlog += state.backlog;
            for (reason, count) in &state.dead_letters_by_reason {
                *reasons.entry(reason.clone()).or_default() += count;
            }
        }
        let rate = before.and_then(|before| {
            states.iter().zip(before).map(|(state, before)| state.left_per_second(before)).sum()
        });
        Self {
            backlog,
            oldest: states.iter().filter_map(|state| state.oldest).max(),
            pending: states.iter().map(|state| state.pending).sum(),
            rate,
            reasons,
            consumer_count: states.iter().map(|state| state.consumer_count).max().unwrap_or_default(),
            consumers: consumers(states),
            shards: states.to_vec(),
        }
    }

    pub(super) fn object(&self, group: &str) -> Value {
        json!({
            "group": group,
            "events": self.backlog.events,
            "oldest_seconds": self.oldest.map(|age| age.as_secs_f64()),
            "pending": self.pending,
            "delayed": self.backlog.delayed,
            "dead_letters": self.backlog.dead_letters,
            "newest_dead_letters_by_reason": self.reasons,
            "quarantined": self.backlog.quarantined,
            "done_per_second": self.rate,
            "consumer_count": self.consumer_count,
            "consumers": self.consumers.iter().map(consumer_object).collect::<Vec<_>>(),
            "shards": self.shards.iter().map(shard_object).collect::<Vec<_>>(),
        })
    }

    pub(super) fn shard_rows(&self) -> impl Iterator<Item = [String; 6]> {
        self.shards.iter().enumerate().map(|(shard, state)| {
            [
                shard.to_string(),
                state.backlog.events.to_string(),
                state.oldest.map_or_else(|| "-".to_owned(), |age| format!("{:.1}", age.as_secs_f64())),
                state.pending.to_string(),
                state.backlog.delayed.to_string(),
                state.backlog.dead_letters.to_string(),
            ]
        })
    }
}

/// By name over all shards, those with the most in their hands first.
fn consumers(states: &[GroupState]) -> Vec<ConsumerState> {
    let mut by_name: HashMap<&str, ConsumerState> = HashMap::new();
    for known in states.iter().flat_map(|state| &state.consumers) {
        let empty = || ConsumerState { name: known.name.clone(), pending: 0, longest_held: Duration::ZERO };
        let all = by_name.entry(&known.name).or_insert_with(empty);
        all.pending += known.pending;
        all.longest_held = all.longest_held.max(known.longest_held);
    }
    let mut consumers: Vec<_> = by_name.into_values().collect();
    consumers.sort_by_key(|known| (Reverse(known.pending), known.name.clone()));
    consumers.truncate(super::DETAIL.consumers);
    consumers
}

fn consumer_object(known: &ConsumerState) -> Value {
    json!({
        "name": known.name,
        "pending": known.pending,
        "longest_held_seconds": known.longest_held.as_secs_f64(),
    })
}

fn shard_object(state: &GroupState) -> Value {
    json!({
        "events": state.backlog.events,
        "oldest_seconds": state.oldest.map(|age| age.as_secs_f64()),
        "pending": state.pending,
        "delayed": state.backlog.delayed,
        "dead_letters": state.backlog.dead_letters,
        "quarantined": state.backlog.quarantined,
    })
}
