//! What was authentic and not understood: kept with its bytes, looked at, and published once it is understood.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Outgoing, Producer, wire};
use crate::{
    store::{EventStore, Kept, Order, Published, QuarantineStore, Store, StoreError},
    webhook::{Endpoint, NotUnderstood, Understood},
};

/// The quarantine of a store: [`Outgoing::quarantined`] is what fills it.
#[derive(Clone)]
pub struct Quarantine {
    store: Arc<dyn QuarantineStore>,
    producer: Producer,
}

impl Quarantine {
    /// The quarantine of this store; replays publish into the same one.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let producer = Producer::new(Arc::clone(&store) as Arc<dyn EventStore>);
        Self { store, producer }
    }

    /// At most `count` entries beyond the position `after`, or from the end that comes first. Each may hold as
    /// many bytes as a webhook may have.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn page(
        &self,
        order: Order,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let kept = self.store.kept(order, after, count).await?;
        Ok(kept.into_iter().map(Quarantined::from).collect())
    }

    /// The entry at this position.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn get(&self, position: &str) -> Result<Option<Quarantined>, StoreError> {
        Ok(self.store.kept_at(position).await?.map(Quarantined::from))
    }

    /// Reads an entry as `endpoint`, which must be the one that received it, reads it now. What is understood is
    /// published under its identity and with its original receive time, and removed; the rest stays.
    ///
    /// Published first, removed second: what is cut off in between is a duplicate when it is replayed again.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; replaying again is safe.
    pub async fn replay(&self, entry: &Quarantined, endpoint: &Endpoint) -> Result<Replayed, StoreError> {
        let outgoing = match entry.understand(endpoint) {
            Understood::Event { event, identity, content_digest } => {
                Outgoing::event(&event, &identity, content_digest, entry.raw().clone())
            }
            Understood::Quarantine { reason, .. } | Understood::BadRequest(reason) => {
                return Ok(Replayed::NotUnderstood(reason));
            }
        };
        let published = self.producer.publish(&outgoing).await?;
        self.store.let_go(&entry.kept).await?;
        Ok(Replayed::Published(published))
    }
}

impl fmt::Debug for Quarantine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quarantine")
    }
}

/// What became of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It is understood by now: published, and no longer in quarantine.
    Published(Published),
    /// It stays.
    NotUnderstood(NotUnderstood),
}

/// An authentic webhook that was not understood. `Debug` shows none of its bytes.
#[derive(Clone)]
pub struct Quarantined {
    /// Name of the endpoint that received it; empty when its note cannot be read.
    pub endpoint: String,
    /// The stable word for why it was not understood; `unreadable_note` when its note cannot be read.
    pub reason: String,
    /// Receive time in milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// The id that was signed beside the body; it names the message whatever the payload says.
    message_id: Option<String>,
    kept: Kept,
}

impl Quarantined {
    /// Its place in the quarantine.
    #[must_use]
    pub fn position(&self) -> &str {
        &self.kept.position
    }

    /// The original bytes.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.kept.raw
    }

    /// Receive time, unless no calendar has it.
    #[must_use]
    pub fn received_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(i64::try_from(self.received_at_ms).ok()?).ok()
    }

    /// What it says to its endpoint as that is configured now.
    #[must_use]
    pub fn understand(&self, endpoint: &Endpoint) -> Understood {
        let received_at = self.received_at().unwrap_or_default();
        endpoint.understand_kept(self.raw(), self.message_id.as_deref(), received_at)
    }
}

impl From<Kept> for Quarantined {
    fn from(kept: Kept) -> Self {
        let note = wire::decode_quarantined(&kept.envelope).unwrap_or_else(|_| wire::Note::unreadable());
        let wire::Note { endpoint, reason, received_at_ms, message_id } = note;
        Self { endpoint, reason, received_at_ms, message_id, kept }
    }
}

impl fmt::Debug for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantined")
            .field("position", &self.position())
            .field("endpoint", &self.endpoint)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
