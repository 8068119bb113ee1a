//! From the spool to the store: oldest first, one after the other, through the script that everything goes through.

use std::{sync::Arc, time::Duration};

use rand::RngExt as _;
use textproof::{
    secret::FingerprintKey,
    store::{EventStore, PhoneStore, Published, StoreError},
    stream::{Outgoing, Producer},
};
use tokio::{task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Spool, SpoolError, file::Stored};
use crate::depth::StreamDepth;

/// Entries that are read, and removed, at a time.
const BATCH: usize = 128;
/// How long the store may take with one event. Longer than while a sender waits: nobody does here.
const PUBLISH_WITHIN: Duration = Duration::from_secs(5);
/// The pause after a failure doubles from the first to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whom the drain asks whether a person was erased after their text was received.
#[derive(Clone)]
pub struct Erasures {
    /// Knows the erasure marks.
    pub store: Arc<dyn PhoneStore>,
    /// Names the marks.
    pub key: FingerprintKey,
}

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Events that the store had not seen.
    pub new: u64,
    /// Events that the store had: they had reached it before.
    pub known: u64,
    /// Texts of people who were erased meanwhile: removed without being stored.
    pub erased: u64,
    /// Entries that cannot be read: kept aside.
    pub unreadable: u64,
}

/// Why a drain stopped before the end. What it has drained stays drained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// The store did not take an event.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not answer in time.
    #[error("the store did not answer within {PUBLISH_WITHIN:?}")]
    Deadline,
    /// The stream has as many events as it may have.
    #[error("the event stream is full")]
    StreamFull,
    /// The spool cannot be read or written.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Drains a spool.
pub struct Drainer {
    spool: Spool,
    producer: Producer,
    erasures: Option<Erasures>,
    depth: Arc<StreamDepth>,
    /// Stored, but not yet removed: a full disk can refuse even that.
    stored: Vec<u64>,
}

impl Drainer {
    /// Drains this spool into this store, while the stream has room.
    #[must_use]
    pub fn new(
        spool: Spool,
        store: Arc<dyn EventStore>,
        erasures: Option<Erasures>,
        depth: Arc<StreamDepth>,
    ) -> Self {
        Self { spool, producer: Producer::new(store), erasures, depth, stored: Vec::new() }
    }

    /// Drains whenever there is something, until `shutdown`. What is left then is drained after the next start.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let work = async {
            let mut pause = FIRST_PAUSE;
            loop {
                match self.drain().await {
                    Ok(_) => {
                        pause = FIRST_PAUSE;
                        self.spool.appended.notified().await;
                    }
                    Err(error) => {
                        let events = self.spool.report().events;
                        tracing::warn!(%error, events, "the spool could not be drained; trying again");
                        let pausing = pause.mul_f64(rand::rng().random_range(0.5..1.0));
                        tokio::time::sleep(pausing).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        };
        let _ = shutdown.run_until_cancelled(work).await;
        let events = self.spool.report().events;
        if events > 0 {
            tracing::warn!(events, "events stay in the spool until the next start");
        }
    }

    /// Drains what there is.
    ///
    /// # Errors
    /// [`DrainError`] at the first event that the store does not take; those behind it wait, so order is kept.
    pub async fn drain(&mut self) -> Result<Drained, DrainError> {
        let mut drained = Drained::default();
        loop {
            let entries = self.oldest().await?;
            if entries.is_empty() && self.stored.is_empty() {
                return Ok(drained);
            }
            let outcome = self.publish(entries, &mut drained).await;
            // Also what was stored before an event that was not.
            self.remove().await?;
            outcome?;
        }
    }

    async fn oldest(&self) -> Result<Vec<Stored>, DrainError> {
        let (file, after) = (Arc::clone(&self.spool.file), self.stored.last().copied());
        let read = spawn_blocking(move || file.oldest(after, BATCH)).await;
        Ok(read.map_err(|_| SpoolError::Ended)??)
    }

    async fn publish(&mut self, entries: Vec<Stored>, drained: &mut Drained) -> Result<(), DrainError> {
        for entry in entries {
            let Ok(outgoing) = Outgoing::from_bytes(entry.event) else {
                tracing::error!(
                    entry = entry.number,
                    "an entry of the spool cannot be read and is kept aside"
                );
                self.spool.set_aside(entry.number).await?;
                count("unreadable", &mut drained.unreadable);
                continue;
            };
            if self.depth.is_full() {
                return Err(DrainError::StreamFull);
            }
            let stored = timeout(PUBLISH_WITHIN, self.store(&outgoing)).await;
            match stored.map_err(|_| DrainError::Deadline)?? {
                Some(Published::New | Published::Conflict | Published::Healed) => {
                    count("new", &mut drained.new);
                }
                Some(Published::Duplicate) => count("known", &mut drained.known),
                None => count("erased", &mut drained.erased),
            }
            self.stored.push(entry.number);
        }
        Ok(())
    }

    /// Stores an event; none when its sender was erased.
    async fn store(&self, outgoing: &Outgoing) -> Result<Option<Published>, StoreError> {
        if let Some(Erasures { store, key }) = &self.erasures
            && outgoing.is_of_an_erased_phone(store.as_ref(), key).await?
        {
            return Ok(None);
        }
        self.producer.publish(outgoing).await.map(Some)
    }

    async fn remove(&mut self) -> Result<(), DrainError> {
        if !self.stored.is_empty() {
            self.spool.remove(self.stored.clone()).await?;
            self.stored.clear();
        }
        Ok(())
    }
}

fn count(outcome: &'static str, counter: &mut u64) {
    metrics::counter!("textproof_spool_drained_total", "outcome" => outcome).increment(1);
    *counter += 1;
}
