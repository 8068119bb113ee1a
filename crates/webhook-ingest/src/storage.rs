//! Where verified webhooks go: to the store, or to the spool while the store cannot take them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use textproof::{
    store::{EventStore, Published, StoreError},
    stream::{Outgoing, Producer},
};
use tokio::time::{Instant, timeout};

use crate::{
    depth::StreamDepth,
    spool::{Spool, SpoolError},
};

/// How long the store may take when there is no spool.
const STORE_ALONE_WITHIN: Duration = Duration::from_millis(1500);
/// How long it may take when there is one.
const STORE_WITHIN: Duration = Duration::from_millis(300);
/// How long the spool may take: with the store's time and a turn's, an answer comes within 2 s.
const SPOOL_WITHIN: Duration = Duration::from_millis(1000);
/// After the store has failed, events go straight to the spool for this long; then one tries again, and the others
/// follow when the store has taken it.
const STRAIGHT_TO_SPOOL: Duration = Duration::from_millis(500);

/// The store, and the spool if there is one.
#[derive(Debug)]
pub struct Storage {
    producer: Producer,
    spool: Option<Spool>,
    depth: Arc<StreamDepth>,
    /// Until when the store is not asked; none while it takes what it is given.
    away_until: Mutex<Option<Instant>>,
}

/// Where an event is now. In each case it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Published(Published),
    Spooled,
}

impl Stored {
    /// A stable word for metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Published(Published::New) => "new",
            Self::Published(Published::Duplicate) => "duplicate",
            Self::Published(Published::Conflict) => "conflict",
            Self::Published(Published::Healed) => "healed",
            Self::Spooled => "spooled",
        }
    }
}

/// Why an event is not kept: the sender must keep it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStored {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store did not answer in time")]
    StoreDeadline,
    #[error("the event stream is full")]
    StreamFull,
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the spool did not answer in time")]
    SpoolDeadline,
}

impl NotStored {
    /// A stable word for metrics.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::StoreDeadline => "store_deadline",
            Self::StreamFull => "stream_full",
            Self::Spool(error) => error.as_str(),
            Self::SpoolDeadline => "spool_deadline",
        }
    }
}

impl Storage {
    /// Stores in `store` alone.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self {
            producer: Producer::new(store),
            spool: None,
            depth: StreamDepth::new(0),
            away_until: Mutex::new(None),
        }
    }

    /// Keeps in `spool` what the store cannot take. Somebody must drain it: [`Drainer`](crate::spool::Drainer).
    #[must_use]
    pub fn with_spool(self, spool: Spool) -> Self {
        Self { spool: Some(spool), ..self }
    }

    /// Puts nothing on a full stream.
    #[must_use]
    pub fn with_depth(self, depth: Arc<StreamDepth>) -> Self {
        Self { depth, ..self }
    }

    /// Whether neither took the last event, and what fills the spool is still there: its drain says when that is over.
    pub(crate) fn is_full(&self) -> bool {
        let full = |spool: &Spool| !spool.takes_more() && spool.report().events > 0;
        self.spool.as_ref().is_some_and(full) && self.away_until().is_some()
    }

    /// Stores an event, here or there, within 1.5 s.
    pub(crate) async fn store(&self, outgoing: &Outgoing) -> Result<Stored, NotStored> {
        let Some(spool) = &self.spool else {
            return self.publish(outgoing, STORE_ALONE_WITHIN).await;
        };
        if self.may_ask() {
            match self.publish(outgoing, STORE_WITHIN).await {
                Ok(stored) => {
                    *self.away_until() = None;
                    return Ok(stored);
                }
                Err(error) => {
                    // It may be there all the same: the drain then finds a duplicate.
                    tracing::warn!(%error, event = %outgoing.id(), "the store cannot take an event: into the spool");
                    *self.away_until() = Some(Instant::now() + STRAIGHT_TO_SPOOL);
                }
            }
        }
        let spooled = timeout(SPOOL_WITHIN, spool.append(outgoing)).await;
        spooled.map_err(|_| NotStored::SpoolDeadline)??;
        Ok(Stored::Spooled)
    }

    async fn publish(&self, outgoing: &Outgoing, within: Duration) -> Result<Stored, NotStored> {
        if self.depth.is_full() {
            return Err(NotStored::StreamFull);
        }
        let published = timeout(within, self.producer.publish(outgoing)).await;
        Ok(Stored::Published(published.map_err(|_| NotStored::StoreDeadline)??))
    }

    /// Whether this event may ask the store. After a failure it is one at a time that does.
    fn may_ask(&self) -> bool {
        let (mut until, now) = (self.away_until(), Instant::now());
        match *until {
            None => true,
            Some(away) if now < away => false,
            Some(_) => {
                // Should it never hear the answer, since its sender hangs up, another one asks.
                *until = Some(now + STORE_WITHIN + STRAIGHT_TO_SPOOL);
                true
            }
        }
    }

    fn away_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
