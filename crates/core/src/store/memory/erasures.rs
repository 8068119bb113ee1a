//! Single events in memory, found and erased. A page is all there is.

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    MemoryStore,
    events::{Buried, MarkState, Queues},
};
use crate::store::{ErasureStore, Place, Queue, StoreError, Stored, StoredPage};

#[async_trait]
impl ErasureStore for MemoryStore {
    async fn stored(
        &self,
        place: Place,
        _from: Option<&str>,
        _count: usize,
    ) -> Result<StoredPage, StoreError> {
        let (state, _) = self.step();
        Ok(StoredPage { entries: all(&state.events, place), next: None })
    }

    async fn erase_stored(&self, stored: &Stored) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let events = &mut state.events;
        let position = || stored.position.parse::<u64>().ok();
        let gone = match stored.place {
            Place::Stream => position().is_some_and(|at| events.erase(Queue::Events, at)),
            Place::Quarantine => position().is_some_and(|at| events.erase(Queue::Quarantine, at)),
            Place::DeadLetters => position().is_some_and(|at| events.dead.remove(&at).is_some()),
            Place::Delayed => {
                let before = events.delayed.len();
                events.delayed.retain(|(_, id), _| *id != stored.position);
                events.delayed.len() < before
            }
        };
        if gone {
            events.remark(&stored.id, MarkState::Done, None, now);
        }
        Ok(gone)
    }
}

fn all(events: &Queues, place: Place) -> Vec<Stored> {
    let stored = |position: String, id: &String, envelope: &String, raw: &Bytes| Stored {
        place,
        position,
        id: id.clone(),
        envelope: envelope.clone(),
        raw: raw.clone(),
    };
    let on = |queue| {
        let stream = events.streams.get(&queue).into_iter().flatten();
        stream.map(|(at, one)| stored(at.to_string(), &one.id, &one.envelope, &one.raw)).collect()
    };
    match place {
        Place::Stream => on(Queue::Events),
        Place::Quarantine => on(Queue::Quarantine),
        Place::Delayed => {
            let delayed = events.delayed.values();
            delayed.map(|one| stored(one.id.clone(), &one.id, &one.envelope, &one.raw)).collect()
        }
        Place::DeadLetters => {
            let dead = events.dead.iter();
            dead.map(|(at, Buried { letter: one, .. })| {
                stored(at.to_string(), &one.id, &one.envelope, &one.raw)
            })
            .collect()
        }
    }
}
