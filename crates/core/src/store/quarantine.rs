//! The port for what is kept in quarantine: look at it page by page, and let go of what was published after all.

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;

/// An authentic webhook that was not understood, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its place in the quarantine: only a position, never the name of an event.
    pub position: String,
    /// Names its mark, which answers copies of the same body.
    pub id: String,
    /// The note that it was kept with, in its wire form.
    pub envelope: String,
    /// The original bytes of the webhook.
    pub raw: Bytes,
}

/// Which end of the quarantine comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// What came in last.
    #[default]
    NewestFirst,
    /// What came in first.
    OldestFirst,
}

/// Reads and empties the quarantine. [`EventStore::publish`](super::EventStore::publish) fills it.
#[async_trait]
pub trait QuarantineStore: Send + Sync {
    /// At most `count` entries beyond `after`, or from the end that comes first. A position whose entry is gone
    /// still has its place in the order; nothing is beyond what is no position.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn kept(&self, order: Order, after: Option<&str>, count: usize) -> Result<Vec<Kept>, StoreError>;

    /// The entry at this position, if it is still there.
    ///
    /// # Errors
    /// As for [`QuarantineStore::kept`].
    async fn kept_at(&self, position: &str) -> Result<Option<Kept>, StoreError>;

    /// Removes an entry that was published and marks its body done, so that a copy of it is not kept again.
    /// Returns false when it was gone already.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be gone; removing it again is safe.
    async fn let_go(&self, kept: &Kept) -> Result<bool, StoreError>;
}
