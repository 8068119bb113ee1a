//! Event streams: publish a verified event once, take events as a group, settle what is still yours.
//!
//! A [`Delivery`] is consumed by [`Delivery::ack`] or [`Delivery::release`], so acting on it twice does not
//! compile; one that is dropped comes back when its lease has ended.

mod consumer;
mod quarantine;
mod wire;

use std::{fmt, sync::Arc};

pub use consumer::{Consumer, ConsumerSettings, Delivery};
pub use quarantine::{Quarantine, Quarantined, Replayed};

use crate::{
    event::{ContentDigest, Event, EventId, Identity},
    store::{EventStore, Publish, Published, Queue, StoreError},
};

/// Puts verified events on the stream.
#[derive(Clone)]
pub struct Producer {
    store: Arc<dyn EventStore>,
}

impl Producer {
    /// Publishes into this store.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store }
    }

    /// Publishes an event with the original bytes of its webhook. Every answer means that it is stored.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be stored; publishing it again is safe.
    pub async fn publish(
        &self,
        event: &Event,
        identity: &Identity,
        digest: ContentDigest,
        raw: &[u8],
    ) -> Result<Published, StoreError> {
        let publish = Publish {
            queue: Queue::Events,
            id: &event.id,
            conflict_id: &EventId::of_conflict(identity, &digest),
            digest,
            envelope: &wire::encode(event),
            raw,
        };
        self.store.publish(&publish).await
    }

    /// Keeps the original bytes of an authentic webhook that was not understood, once, for 30 days.
    /// `reason` is a stable word; `received_at_ms` counts from the Unix epoch.
    ///
    /// # Errors
    /// As for [`Producer::publish`].
    pub async fn quarantine(
        &self,
        endpoint: &str,
        reason: &str,
        received_at_ms: u64,
        raw: &[u8],
    ) -> Result<Published, StoreError> {
        // The whole body is the identity, so there is no other content under it. No endpoint is named like
        // this, so an event with the same body keeps its own mark.
        let id = EventId::of(&Identity::of_body(&format!("quarantine of {endpoint}"), raw));
        let publish = Publish {
            queue: Queue::Quarantine,
            id: &id,
            conflict_id: &id,
            digest: ContentDigest([0; 8]),
            envelope: &wire::encode_quarantined(endpoint, reason, received_at_ms),
            raw,
        };
        self.store.publish(&publish).await
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Producer")
    }
}
