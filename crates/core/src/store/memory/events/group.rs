//! Who is in a group: names come with what is taken, and go when their hands are empty.

use super::{Group, Queues};
use crate::store::GroupMember;

impl Group {
    fn has_entries(&self, consumer: &str) -> bool {
        self.pending.values().any(|pending| pending.consumer == consumer)
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
}
