//! The quarantine in memory.

use async_trait::async_trait;

use super::{
    MemoryStore,
    events::{MarkState, Queues, Stored},
    ms,
};
use crate::store::{Kept, Order, QuarantineStore, Queue, StoreError, events::MARK_KEPT};

#[async_trait]
impl QuarantineStore for MemoryStore {
    async fn kept(&self, order: Order, after: Option<&str>, count: usize) -> Result<Vec<Kept>, StoreError> {
        let (mut state, _) = self.step();
        let stream = state.events.streams.entry(Queue::Quarantine).or_default();
        let (after, first) = match after.map(str::parse::<u64>) {
            Some(Err(_)) => return Ok(Vec::new()),
            Some(Ok(after)) => (after, after + 1),
            None => (u64::MAX, 0),
        };
        Ok(match order {
            Order::NewestFirst => stream.range(..after).rev().take(count).map(kept).collect(),
            Order::OldestFirst => stream.range(first..).take(count).map(kept).collect(),
        })
    }

    async fn kept_at(&self, position: &str) -> Result<Option<Kept>, StoreError> {
        let (state, _) = self.step();
        let stream = state.events.streams.get(&Queue::Quarantine);
        let place = stream.zip(position.parse().ok());
        Ok(place.and_then(|(stream, position): (_, u64)| stream.get_key_value(&position)).map(kept))
    }

    async fn let_go(&self, kept: &Kept) -> Result<bool, StoreError> {
        let Ok(position) = kept.position.parse() else { return Ok(false) };
        let (mut state, now) = self.step();
        let Queues { streams, marks, .. } = &mut state.events;
        let removed = streams.entry(Queue::Quarantine).or_default().remove(&position).is_some();
        if let Some(mark) = marks.get_mut(&kept.id, now).filter(|mark| mark.position == position) {
            mark.state = MarkState::Done;
            marks.prolong(&kept.id, now, ms(MARK_KEPT));
        }
        Ok(removed)
    }
}

fn kept((position, stored): (&u64, &Stored)) -> Kept {
    Kept {
        position: position.to_string(),
        id: stored.id.clone(),
        envelope: stored.envelope.clone(),
        raw: stored.raw.clone(),
    }
}
