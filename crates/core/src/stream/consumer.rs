//! Taking events: new ones as they come, abandoned ones when their lease has ended.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use rand::RngExt;
use tokio::time::Instant;

use super::wire;
use crate::{
    event::Event,
    store::{Claim, Entry, EventReader, EventStore, GroupMember, StoreError},
};

/// How long a read waits for new entries, at most.
/// A stop waits for it, since a read that is under way is never cut off.
const BLOCK: Duration = Duration::from_secs(1);

/// A consumer's place and patience.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// The consumer group; every event goes to one consumer of it at a time.
    pub group: String,
    /// The host's name. A random id is added, so that two processes never share a consumer name.
    pub host: String,
    /// How long an entry stays with a consumer that does not settle it.
    pub lease: Duration,
}

/// Takes events for this process.
pub struct Consumer {
    store: Arc<dyn EventStore>,
    member: GroupMember,
    lease: Duration,
    reader: Option<Box<dyn EventReader>>,
    cursor: String,
    next_sweep: Instant,
}

impl Consumer {
    /// Prepares a consumer; the first [`Consumer::next`] opens its connection.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>, settings: ConsumerSettings) -> Self {
        let drawn = HEXLOWER.encode(&rand::rng().random::<[u8; 6]>());
        let consumer = format!("{}-{drawn}", settings.host);
        Self {
            store,
            member: GroupMember { group: settings.group, consumer },
            lease: settings.lease,
            reader: None,
            cursor: "-".to_owned(),
            next_sweep: Instant::now(),
        }
    }

    /// Takes at most `max` deliveries: abandoned ones when a sweep is due, else new ones, waiting up to one
    /// second for them. The caller must have room for `max`: what is taken is in its hands.
    ///
    /// Do not drop the future before it is done: entries that were on their way come back only after
    /// their lease.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; calling again connects again.
    pub async fn next(&mut self, max: usize) -> Result<Vec<Delivery>, StoreError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let now = Instant::now();
        if self.next_sweep <= now {
            let entries = self.sweep(max).await?;
            if !entries.is_empty() {
                return Ok(self.deliveries(entries));
            }
        }
        let block = self.next_sweep.saturating_duration_since(now).min(BLOCK);
        let entries = self.read(max, block).await?;
        Ok(self.deliveries(entries))
    }

    /// Leaves the group, unless deliveries are still out.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn retire(self) -> Result<(), StoreError> {
        drop(self.reader);
        self.store.retire(&self.member).await
    }

    async fn sweep(&mut self, max: usize) -> Result<Vec<Entry>, StoreError> {
        if self.reader.is_none() {
            // Opening the reader creates the group, without which there is nothing to sweep.
            self.reader = Some(self.store.reader(&self.member).await?);
        }
        let swept = self.store.sweep(&self.member, self.lease, &self.cursor, max).await?;
        self.cursor = swept.cursor;
        if self.cursor == "-" {
            // Between a quarter and a half of the lease, so that processes do not sweep in step.
            let pause = self.lease.mul_f64(rand::rng().random_range(0.25..0.5));
            self.next_sweep = Instant::now() + pause;
        }
        if !swept.entries.is_empty() {
            tracing::info!(entries = swept.entries.len(), "took over entries that were abandoned");
        }
        Ok(swept.entries)
    }

    async fn read(&mut self, max: usize, block: Duration) -> Result<Vec<Entry>, StoreError> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.store.reader(&self.member).await?,
        };
        // A reader that failed is dropped: its reply may still be on the way.
        let entries = reader.read(max, block).await?;
        self.reader = Some(reader);
        Ok(entries)
    }

    fn deliveries(&self, entries: Vec<Entry>) -> Vec<Delivery> {
        entries.into_iter().filter_map(|entry| self.delivery(entry)).collect()
    }

    fn delivery(&self, entry: Entry) -> Option<Delivery> {
        match wire::decode(&entry) {
            Ok(event) => Some(Delivery {
                event,
                raw: entry.raw,
                claim: entry.claim,
                lease: self.lease,
                store: Arc::clone(&self.store),
                member: self.member.clone(),
            }),
            Err(error) => {
                // Left pending: it is handed out again after the lease, and nothing is lost.
                tracing::error!(%error, position = entry.claim.position, "an entry of the event stream cannot be read");
                metrics::counter!("textproof_stream_unreadable_total").increment(1);
                None
            }
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("member", &self.member)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// An event in the hands of this process.
#[must_use = "a delivery that is dropped comes back when its lease has ended"]
pub struct Delivery {
    event: Event,
    raw: Bytes,
    claim: Claim,
    lease: Duration,
    store: Arc<dyn EventStore>,
    member: GroupMember,
}

impl Delivery {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The original bytes of the webhook.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// How often the event was handed out, this time included.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.claim.deliveries
    }

    /// Settles the event: it took effect. Returns false when another process has it by now, in which case
    /// nothing changes.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be settled; if it is not, it comes back.
    pub async fn ack(self) -> Result<bool, StoreError> {
        self.store.settle_event(&self.member, self.event.id.as_str(), &self.claim).await
    }

    /// Gives the event back untouched: the next sweep of any process takes it, and this start is not counted.
    ///
    /// # Errors
    /// [`StoreError`]: if it is not given back, it comes back after its lease.
    pub async fn release(self) -> Result<bool, StoreError> {
        self.store.give_back(&self.member, &self.claim, self.lease).await
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &self.event)
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}
