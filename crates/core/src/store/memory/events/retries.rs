//! Events that failed: off the stream, back on it when they are due, or among the dead letters.

use std::time::Duration;

use super::{Buried, MarkState, Queues, Stored};
use crate::store::{
    Claim, DeadLetter, Due, Failures, GroupMember, Queue,
    events::{DEAD_LETTERS_KEPT, MARK_KEPT},
    memory::ms,
};

impl Queues {
    /// Takes an entry off the stream, if it is still in this consumer's hands.
    pub(super) fn take_off(&mut self, member: &GroupMember, claim: &Claim) -> Option<Stored> {
        let (position, group) = self.held(member, claim)?;
        group.pending.remove(&position);
        self.left += 1;
        self.streams.get_mut(&Queue::Events)?.remove(&position)
    }

    /// Takes an entry off a stream, in whose hands it may be.
    pub(in crate::store::memory) fn erase(&mut self, queue: Queue, position: u64) -> bool {
        for group in self.groups.values_mut() {
            group.pending.remove(&position);
        }
        self.streams.get_mut(&queue).is_some_and(|stream| stream.remove(&position).is_some())
    }

    /// Gives a mark another state, if there is one.
    pub(in crate::store::memory) fn remark(
        &mut self,
        event: &str,
        state: MarkState,
        position: Option<u64>,
        now: u64,
    ) {
        let event = event.to_owned();
        if let Some(mark) = self.marks.get_mut(&event, now) {
            mark.state = state;
            mark.position = position.unwrap_or(mark.position);
            self.marks.prolong(&event, now, ms(MARK_KEPT));
        }
    }

    /// Puts an event on the stream that was there before.
    fn put_back(&mut self, stored: Stored, now: u64) {
        self.next_position += 1;
        self.remark(&stored.id, MarkState::Live, Some(self.next_position), now);
        let stored = Stored { at: now, ..stored };
        self.streams.entry(Queue::Events).or_default().insert(self.next_position, stored);
    }

    /// The same for a dead letter, without its failures.
    pub(in crate::store::memory) fn bring_back(&mut self, letter: &DeadLetter, conflict: bool, now: u64) {
        let stored = Stored {
            id: letter.id.clone(),
            conflict,
            envelope: letter.envelope.clone(),
            raw: letter.raw.clone(),
            failures: Failures::default(),
            at: now,
            tried_since: now,
        };
        self.put_back(stored, now);
    }

    pub(super) fn bury(
        &mut self,
        stored: Stored,
        claim: &Claim,
        failures: &Failures,
        reason: &str,
        now: u64,
    ) {
        self.remark(&stored.id, MarkState::Dead, None, now);
        self.next_position += 1;
        let letter = DeadLetter {
            position: self.next_position.to_string(),
            id: stored.id,
            reason: reason.to_owned(),
            starts: claim.deliveries,
            failures: failures.clone(),
            envelope: stored.envelope,
            raw: stored.raw,
        };
        self.dead.insert(self.next_position, Buried { letter, conflict: stored.conflict, at: now });
        self.drop_old_letters(now);
    }

    /// Returns how many.
    pub(super) fn drop_old_letters(&mut self, now: u64) -> u64 {
        let before = self.dead.len();
        self.dead.retain(|_, buried| buried.at + ms(DEAD_LETTERS_KEPT) > now);
        (before - self.dead.len()) as u64
    }

    pub(super) fn move_due(&mut self, most: usize, now: u64) -> Due {
        let mut due = Due::default();
        while let Some(first) = self.delayed.first_entry() {
            let at = first.key().0;
            if at > now || due.moved as usize == most {
                due.next = Some(Duration::from_millis(at.saturating_sub(now)));
                break;
            }
            let stored = first.remove();
            self.put_back(stored, now);
            due.moved += 1;
        }
        due
    }
}
