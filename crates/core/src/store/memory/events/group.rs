//! Who is in a group: names come with what is taken, and go when their hands are empty.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use super::{Buried, Group, Queues};
use crate::store::{ConsumerState, Detail, GroupMember, GroupState, Queue};

impl Group {
    fn has_entries(&self, consumer: &str) -> bool {
        self.pending.values().any(|pending| pending.consumer == consumer)
    }

    /// Those with the most entries in their hands first.
    fn consumers(&self, now: u64) -> Vec<ConsumerState> {
        let state = |name: &String| {
            let held = self.pending.values().filter(|pending| pending.consumer == *name);
            let since: Vec<_> = held.map(|pending| pending.since).collect();
            let longest = since.iter().take(100).map(|since| now.saturating_sub(*since)).max();
            ConsumerState {
                name: name.clone(),
                pending: since.len() as u64,
                longest_held: Duration::from_millis(longest.unwrap_or_default()),
            }
        };
        let mut consumers: Vec<_> = self.seen.keys().map(state).collect();
        consumers.sort_by_key(|consumer| (Reverse(consumer.pending), consumer.name.clone()));
        consumers
    }
}

impl Queues {
    pub(super) fn retire(&mut self, member: &GroupMember) {
        if let Some(group) = self.groups.get_mut(&member.group)
            && !group.has_entries(&member.consumer)
        {
            group.seen.remove(&member.consumer);
        }
    }

    pub(super) fn reap(&mut self, member: &GroupMember, silent: u64, most: usize, now: u64) -> u64 {
        let group = self.groups.entry(member.group.clone()).or_default();
        group.seen.insert(member.consumer.clone(), now);
        let gone = |(name, seen): (&String, &u64)| {
            let silent = now.saturating_sub(*seen) >= silent;
            (*name != member.consumer && silent && !group.has_entries(name)).then(|| name.clone())
        };
        let gone: Vec<_> = group.seen.iter().filter_map(gone).take(most).collect();
        for name in &gone {
            group.seen.remove(name);
        }
        gone.len() as u64
    }

    /// All but the backlog.
    pub(in crate::store::memory) fn group_state(&self, group: &str, detail: Detail, now: u64) -> GroupState {
        let first = self.streams.get(&Queue::Events).and_then(|stream| stream.first_key_value());
        let since = |at: u64| Duration::from_millis(now.saturating_sub(at));
        let mut reasons = BTreeMap::new();
        for Buried { letter, .. } in self.dead.values().rev().take(detail.dead_letters) {
            *reasons.entry(letter.reason.clone()).or_default() += 1;
        }
        let group = self.groups.get(group);
        let mut consumers: Vec<_> = group.map(|group| group.consumers(now)).unwrap_or_default();
        let consumer_count = consumers.len() as u64;
        consumers.truncate(detail.consumers);
        GroupState {
            now_ms: now,
            oldest: first.map(|(_, stored)| since(stored.at)),
            left: Some(self.left),
            pending: group.map_or(0, |group| group.pending.len() as u64),
            consumer_count,
            consumers,
            dead_letters_by_reason: reasons,
            ..GroupState::default()
        }
    }
}
