//! Dead letters in memory.

use async_trait::async_trait;

use super::{
    MemoryStore,
    events::{Buried, MarkState},
};
use crate::store::{Backlog, DeadLetter, DeadLetterStore, Order, Queue, StoreError};

#[async_trait]
impl DeadLetterStore for MemoryStore {
    async fn dead_letters(
        &self,
        order: Order,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let (state, _) = self.step();
        let dead = &state.events.dead;
        let (after, first) = match after.map(str::parse::<u64>) {
            Some(Err(_)) => return Ok(Vec::new()),
            Some(Ok(after)) => (after, after + 1),
            None => (u64::MAX, 0),
        };
        let letter = |(_, buried): (&u64, &Buried)| buried.letter.clone();
        Ok(match order {
            Order::NewestFirst => dead.range(..after).rev().take(count).map(letter).collect(),
            Order::OldestFirst => dead.range(first..).take(count).map(letter).collect(),
        })
    }

    async fn dead_letter_at(&self, position: &str) -> Result<Option<DeadLetter>, StoreError> {
        let (state, _) = self.step();
        let buried = position.parse().ok().and_then(|position: u64| state.events.dead.get(&position));
        Ok(buried.map(|buried| buried.letter.clone()))
    }

    async fn redrive(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        let redriven = {
            let (mut state, now) = self.step();
            let taken =
                letter.position.parse().ok().and_then(|position: u64| state.events.dead.remove(&position));
            let Some(Buried { letter, conflict, .. }) = taken else { return Ok(false) };
            state.events.bring_back(&letter, conflict, now);
            true
        };
        self.appended.notify_waiters();
        Ok(redriven)
    }

    async fn drop_dead_letter(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let taken =
            letter.position.parse().ok().and_then(|position: u64| state.events.dead.remove(&position));
        if taken.is_some() {
            state.events.remark(&letter.id, MarkState::Done, None, now);
        }
        Ok(taken.is_some())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let (state, _) = self.step();
        let depth = |queue| state.events.streams.get(&queue).map_or(0, |stream| stream.len() as u64);
        Ok(Backlog {
            events: depth(Queue::Events),
            delayed: state.events.delayed.len() as u64,
            dead_letters: state.events.dead.len() as u64,
            quarantined: depth(Queue::Quarantine),
        })
    }
}
