//! Event streams: publish a verified event once, take events as a group, settle what is still yours.
//!
//! A [`Delivery`] is consumed by [`Delivery::ack`] or [`Delivery::release`], so acting on it twice does not
//! compile; one that is dropped comes back when its lease has ended.

mod consumer;
mod delivery;
mod erasure;
mod outgoing;
mod quarantine;
mod settling;
mod wire;

pub use wire::endpoint_of;

use std::{fmt, sync::Arc};

pub use consumer::{Consumer, ConsumerSettings};
pub use delivery::{Delivery, Unreadable};
pub use erasure::{ErasedEvents, EventErasure};
pub use outgoing::{Outgoing, UnreadableOutgoing};
pub use quarantine::{Quarantine, Quarantined, Replayed};

use crate::store::{EventStore, Published, StoreError};

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
    pub async fn publish(&self, outgoing: &Outgoing) -> Result<Published, StoreError> {
        self.store.publish(&outgoing.publish()).await
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Producer")
    }
}
