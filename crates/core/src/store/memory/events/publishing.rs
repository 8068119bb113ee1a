//! Events onto the stream, once.

use bytes::Bytes;

use super::{Mark, MarkState, Queues, Stored};
use crate::store::{
    Failures, Publish, Published, Queue,
    events::{MARK_KEPT, QUARANTINE_KEPT},
    memory::ms,
};

impl Queues {
    fn append(&mut self, event: &Publish<'_>, conflict: bool, now: u64) {
        let id = if conflict { event.conflict_id } else { event.id }.to_string();
        self.next_position += 1;
        let position = self.next_position;
        let stored = Stored {
            id: id.clone(),
            conflict,
            envelope: event.envelope.to_owned(),
            raw: Bytes::copy_from_slice(event.raw),
            failures: Failures::default(),
            at: now,
            tried_since: now,
        };
        self.streams.entry(event.queue).or_default().insert(position, stored);
        if event.queue == Queue::Quarantine {
            self.drop_old_quarantine(now);
        }
        let mark = Mark { state: MarkState::Live, digest: event.digest.0, position };
        self.marks.put(id, mark, now, ms(MARK_KEPT));
    }

    /// Returns how many.
    pub(super) fn drop_old_quarantine(&mut self, now: u64) -> u64 {
        let quarantine = self.streams.entry(Queue::Quarantine).or_default();
        let before = quarantine.len();
        quarantine.retain(|_, stored| stored.at + ms(QUARANTINE_KEPT) > now);
        (before - quarantine.len()) as u64
    }

    fn repeated(&mut self, event: &Publish<'_>, mark: &Mark, conflict: bool, now: u64) -> Published {
        let there = self.streams.get(&event.queue).is_some_and(|stream| stream.contains_key(&mark.position));
        if mark.state == MarkState::Live && !there {
            self.append(event, conflict, now);
            return Published::Healed;
        }
        let id = if conflict { event.conflict_id } else { event.id };
        self.marks.prolong(&id.to_string(), now, ms(MARK_KEPT));
        Published::Duplicate
    }

    pub(super) fn publish(&mut self, event: &Publish<'_>, now: u64) -> Published {
        match self.marks.get(&event.id.to_string(), now).cloned() {
            None => {
                self.append(event, false, now);
                Published::New
            }
            Some(mark) if mark.digest == event.digest.0 => self.repeated(event, &mark, false, now),
            Some(_) => match self.marks.get(&event.conflict_id.to_string(), now).cloned() {
                Some(mark) => self.repeated(event, &mark, true, now),
                None => {
                    self.append(event, true, now);
                    Published::Conflict
                }
            },
        }
    }
}
