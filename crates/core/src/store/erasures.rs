//! The port for erasing single events, wherever they are kept.

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;

/// Where an event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// On the stream, or in the hands of a worker.
    Stream,
    /// Put off after a failure.
    Delayed,
    /// Among the dead letters.
    DeadLetters,
    /// In quarantine.
    Quarantine,
}

impl Place {
    /// All of them, in the order in which an event moves: whoever looks in this order meets one that moves on.
    pub const ALL: [Self; 4] = [Self::Stream, Self::Delayed, Self::DeadLetters, Self::Quarantine];
}

/// An event, or what was not understood, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where.
    pub place: Place,
    /// What finds it there.
    pub position: String,
    /// Its name.
    pub id: String,
    /// The event, or the note of what was not understood, in its wire form.
    pub envelope: String,
    /// The original bytes of the webhook.
    pub raw: Bytes,
}

/// Some of what is kept in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPage {
    /// In no promised order; one that comes or moves meanwhile may be missed, or be there twice.
    pub entries: Vec<Stored>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

/// Finds and erases single events.
#[async_trait]
pub trait ErasureStore: Send + Sync {
    /// About `count` of what is kept in a place, from where the page before ended.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn stored(&self, place: Place, from: Option<&str>, count: usize) -> Result<StoredPage, StoreError>;

    /// Erases an event, in whose hands it may be, and marks it done, so that a copy of its webhook is not stored again.
    /// Returns false when it was gone already.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be gone; erasing it again is safe.
    async fn erase_stored(&self, stored: &Stored) -> Result<bool, StoreError>;
}
