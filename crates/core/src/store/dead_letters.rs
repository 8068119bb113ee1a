//! The port for dead letters: look at them page by page, put them back on the stream, or drop them.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Failures, Order, StoreError};

/// An event that no worker could act on, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place among the dead letters: only a position, never the name of an event.
    pub position: String,
    /// The event's name.
    pub id: String,
    /// The stable word for why it is here.
    pub reason: String,
    /// How often it was handed out since it last came onto the stream.
    pub starts: u64,
    /// What its handlers said.
    pub failures: Failures,
    /// The event in its wire form.
    pub envelope: String,
    /// The original bytes of the webhook.
    pub raw: Bytes,
}

/// How many events are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// On the stream, settled ones left out.
    pub events: u64,
    /// Put off after a failure.
    pub delayed: u64,
    /// Among the dead letters.
    pub dead_letters: u64,
    /// Kept in quarantine.
    pub quarantined: u64,
}

impl std::ops::AddAssign for Backlog {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.delayed += other.delayed;
        self.dead_letters += other.dead_letters;
        self.quarantined += other.quarantined;
    }
}

/// Reads and empties the dead letters. [`EventStore::bury_event`](super::EventStore::bury_event) fills them.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// At most `count` dead letters beyond `after`, or from the end that comes first; nothing is beyond what is no
    /// position.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn dead_letters(
        &self,
        order: Order,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// The dead letter at this position, if it is still there.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn dead_letter_at(&self, position: &str) -> Result<Option<DeadLetter>, StoreError>;

    /// Puts a dead letter back on the stream without its failures. Returns false when it was gone already.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be back; doing it again is safe.
    async fn redrive(&self, letter: &DeadLetter) -> Result<bool, StoreError>;

    /// Removes a dead letter for good; a copy of its webhook stays a duplicate. Returns false when it was gone already.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be gone; doing it again is safe.
    async fn drop_dead_letter(&self, letter: &DeadLetter) -> Result<bool, StoreError>;

    /// How many events are where.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}
