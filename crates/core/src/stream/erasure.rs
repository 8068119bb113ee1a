//! Erasing what one person texted, or was texted about, from events that are kept: on the stream, put off, among the
//! dead letters, in quarantine.
//!
//! A reply is theirs when it comes from their number. Anything else that mentions the number is erased, too: a report
//! about a text to them, and what nobody could read. What somebody else wrote about them stays that person's reply.

use std::{fmt, sync::Arc};

use super::wire;
use crate::{
    consent::ConsentLedger,
    event::{Content, Event, EventId},
    phone::PhoneNumber,
    store::{Place, Store, StoreError, Stored},
};

/// Entries that are read at a time; each may hold as many bytes as a webhook may have.
const PAGE: usize = 64;
/// Looks at all places, one after the other: an event that moves from one to another meanwhile is met by the next look.
const PASSES: usize = 10;
/// Looks in a row that find nothing are enough when there are so many.
const FOUND_NOTHING: usize = 2;

/// Erases one person's events.
#[derive(Clone)]
pub struct EventErasure {
    store: Arc<dyn Store>,
    ledger: ConsentLedger,
}

/// How many entries were found, or erased, where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedEvents {
    /// On the stream.
    pub events: u64,
    /// Put off.
    pub delayed: u64,
    /// Among the dead letters.
    pub dead_letters: u64,
    /// In quarantine.
    pub quarantined: u64,
}

impl EventErasure {
    /// Erases from this store. What an erased reply says about consent is merged into the ledger before.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ledger: ConsentLedger) -> Self {
        Self { store, ledger }
    }

    /// Counts what [`EventErasure::erase`] would erase. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn find(&self, tenants: &[String], phone: &PhoneNumber) -> Result<ErasedEvents, StoreError> {
        Ok(self.pass(tenants, phone, false).await?.found)
    }

    /// Erases a person's events of these tenants, and of what nobody could read all that mentions the number. First
    /// leave the mark of the erasure (`PhoneStore::erase`), so that nothing that is merged here leaves evidence.
    ///
    /// An event that a worker is acting on at this moment takes its effect all the same.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer, or when events kept coming or moving until the last look; erasing
    /// again is safe.
    pub async fn erase(&self, tenants: &[String], phone: &PhoneNumber) -> Result<ErasedEvents, StoreError> {
        let (mut all, mut found_nothing) = (ErasedEvents::default(), 0);
        for _ in 0..PASSES {
            let Look { found, moved } = self.pass(tenants, phone, true).await?;
            let nothing = !moved && found == ErasedEvents::default();
            found_nothing = if nothing { found_nothing + 1 } else { 0 };
            if found_nothing == FOUND_NOTHING {
                return Ok(all);
            }
            all += found;
        }
        Err(StoreError::Contended { action: "erase events" })
    }

    async fn pass(&self, tenants: &[String], phone: &PhoneNumber, erase: bool) -> Result<Look, StoreError> {
        let (mut found, mut moved) = (ErasedEvents::default(), false);
        // What comes meanwhile is not looked at: it was received after the erasure.
        let there = self.store.backlog().await?;
        for place in Place::ALL {
            let most = match place {
                Place::Stream => there.events + there.delayed,
                Place::Delayed => u64::MAX,
                Place::DeadLetters => there.dead_letters + there.events + there.delayed,
                Place::Quarantine => there.quarantined,
            };
            let (mut from, mut seen) = (None, 0);
            loop {
                let page = self.store.stored(place, from.as_deref(), PAGE).await?;
                seen += page.entries.len() as u64;
                for stored in &page.entries {
                    let event = event_of(stored);
                    if !is_about(stored, event.as_ref(), tenants, phone) {
                        continue;
                    }
                    if erase {
                        if let Some(event @ Event { content: Content::Reply(reply), .. }) = &event {
                            // A STOP that no worker has seen yet must not be lost with its event.
                            self.ledger.merge(event, reply).await?;
                        }
                        if !self.store.erase_stored(stored).await? {
                            // It has moved, or a worker has settled it.
                            moved = true;
                            continue;
                        }
                    }
                    *found.at(place) += 1;
                }
                from = page.next;
                if from.is_none() || seen > most {
                    break;
                }
            }
        }
        Ok(Look { found, moved })
    }
}

/// What one look at all places came to.
struct Look {
    found: ErasedEvents,
    /// Whether something was no longer where it had just been seen.
    moved: bool,
}

impl fmt::Debug for EventErasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventErasure")
    }
}

impl ErasedEvents {
    fn at(&mut self, place: Place) -> &mut u64 {
        match place {
            Place::Stream => &mut self.events,
            Place::Delayed => &mut self.delayed,
            Place::DeadLetters => &mut self.dead_letters,
            Place::Quarantine => &mut self.quarantined,
        }
    }
}

impl std::ops::AddAssign for ErasedEvents {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.delayed += other.delayed;
        self.dead_letters += other.dead_letters;
        self.quarantined += other.quarantined;
    }
}

/// The event, where this version can read one. Quarantine holds none.
fn event_of(stored: &Stored) -> Option<Event> {
    if stored.place == Place::Quarantine {
        return None;
    }
    let id = EventId::try_from(stored.id.clone()).ok()?;
    wire::decode_envelope(&stored.envelope, &id).ok()
}

fn is_about(stored: &Stored, event: Option<&Event>, tenants: &[String], phone: &PhoneNumber) -> bool {
    match event {
        Some(event) if !tenants.contains(&event.tenant) => false,
        Some(Event { content: Content::Reply(reply), .. }) => reply.from == phone.e164(),
        _ => mentions(&stored.raw, phone.digits()) || mentions(stored.envelope.as_bytes(), phone.digits()),
    }
}

/// Whether the digits stand there as one number, as they are or with the separators that people write in between.
fn mentions(bytes: &[u8], digits: &str) -> bool {
    let is_separator = |b: &u8| matches!(b, b' ' | b'-' | b'(' | b')' | b'.' | b'/');
    let is_it = |number: &[u8]| number.strip_prefix(b"00").unwrap_or(number) == digits.as_bytes();
    let as_they_are = || bytes.split(|b| !b.is_ascii_digit()).any(is_it);
    let separated = || {
        let numbers = bytes.split(|b| !b.is_ascii_digit() && !is_separator(b));
        let closed_up = |number: &[u8]| number.iter().copied().filter(u8::is_ascii_digit).collect::<Vec<_>>();
        numbers.map(closed_up).any(|number| is_it(&number))
    };
    as_they_are() || separated()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written_and_not_inside_another() {
        for (text, found) in [
            (r#"{"to":"+64211234567"}"#, true),
            (r#"{"to":64211234567}"#, true),
            ("to=%2B64211234567&x=1", true),
            ("0064 21 123-4567", true),
            ("+64 (21) 123 4567", true),
            ("64211234567", true),
            ("on 2026-11-26 64211234567 wrote", true),
            ("642112345678", false),
            ("164211234567", false),
            (r#"{"to":"+64211234568"}"#, false),
            ("", false),
        ] {
            assert_eq!(mentions(text.as_bytes(), "64211234567"), found, "{text}");
        }
    }
}
