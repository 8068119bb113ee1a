//! Events into somebody's hands: new ones, and those of others whose lease has ended.

use super::{Group, Pending, Queues, entry};
use crate::store::{Claim, Entry, GroupMember, Queue, SUSPICIOUS_STARTS, Suspects, Swept};

impl Queues {
    /// The next entries that no consumer of the group has seen.
    pub(super) fn take_new(&mut self, member: &GroupMember, count: usize, now: u64) -> Vec<Entry> {
        let stream = self.streams.entry(Queue::Events).or_default();
        let group = self.groups.entry(member.group.clone()).or_default();
        let mut entries = Vec::new();
        for (position, stored) in stream.range(group.read_up_to + 1..).take(count) {
            let pending = Pending { consumer: member.consumer.clone(), since: now, deliveries: 1 };
            group.pending.insert(*position, pending);
            entries.push(entry(*position, stored, 1));
        }
        if !entries.is_empty() {
            group.seen.insert(member.consumer.clone(), now);
        }
        if let Some(last) = entries.last() {
            group.read_up_to = last.claim.position.parse().unwrap_or(group.read_up_to);
        }
        entries
    }

    /// The pending entry of this claim, if it is still in this consumer's hands with this count.
    pub(super) fn held(&mut self, member: &GroupMember, claim: &Claim) -> Option<(u64, &mut Group)> {
        let position = claim.position.parse().ok()?;
        let group = self.groups.get_mut(&member.group)?;
        let pending = group.pending.get(&position)?;
        let mine = pending.consumer == member.consumer && pending.deliveries == claim.deliveries;
        mine.then_some((position, group))
    }

    pub(super) fn sweep(
        &mut self,
        member: &GroupMember,
        lease: u64,
        cursor: &str,
        count: usize,
        suspects: Suspects,
        now: u64,
    ) -> Swept {
        let stream = self.streams.entry(Queue::Events).or_default();
        let group = self.groups.entry(member.group.clone()).or_default();
        let after = cursor.strip_prefix('(').and_then(|position| position.parse().ok()).unwrap_or(0u64);
        let idle: Vec<u64> = group
            .pending
            .range(after + 1..)
            .filter(|(_, pending)| now.saturating_sub(pending.since) >= lease)
            .map(|(position, _)| *position)
            .take(count)
            .collect();
        let (mut entries, mut left_out) = (Vec::new(), false);
        let alone = suspects == Suspects::OneAlone;
        for position in &idle {
            let starts = group.pending.get(position).map_or(0, |pending| pending.deliveries);
            if (starts >= SUSPICIOUS_STARTS) != alone {
                left_out |= !alone;
                continue;
            }
            let Some(stored) = stream.get(position) else {
                group.pending.remove(position);
                continue;
            };
            if let Some(pending) = group.pending.get_mut(position) {
                pending.consumer.clone_from(&member.consumer);
                pending.since = now;
                pending.deliveries += 1;
                group.seen.insert(member.consumer.clone(), now);
                entries.push(entry(*position, stored, pending.deliveries));
            }
            if alone {
                return Swept { entries, cursor: format!("({position}"), suspects: false };
            }
        }
        let cursor = match idle.last() {
            Some(last) if idle.len() == count => format!("({last}"),
            _ => "-".to_owned(),
        };
        Swept { entries, cursor, suspects: left_out }
    }
}
