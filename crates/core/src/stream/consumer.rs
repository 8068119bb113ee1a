//! Taking events: new ones as they come, abandoned ones when their lease has ended.

use std::{fmt, sync::Arc, time::Duration};

use data_encoding::HEXLOWER;
use rand::RngExt;
use tokio::time::Instant;

use super::delivery::{Delivery, Hands};
use crate::store::{Entry, EventReader, EventStore, GroupMember, StoreError, Suspects};

/// How long a read waits for new entries, at most.
/// A stop waits for it, since a read that is under way is never cut off.
const BLOCK: Duration = Duration::from_secs(1);

/// How often events that were put off are looked for, at least: with two reads of a second and a sweep now and then,
/// an idle process asks less than twice a second.
const LOOK_FOR_DUE: Duration = Duration::from_secs(2);

/// Pending entries among which one suspect is looked for.
const SUSPECTS_LOOKED_AT: usize = 1000;

/// Events that are put back on the stream at a time.
const DUE_AT_MOST: usize = 100;

/// How long a consumer shows nothing of itself before its name is removed. Names are drawn anew at every start, so one
/// that a killed process left is never used again.
const SILENT_FOR: Duration = Duration::from_secs(3600);

/// How often a consumer shows that it is there, and removes what nobody comes back for, in seconds: many times within
/// [`SILENT_FOR`], and at random, so that processes do not look in step.
const CLEAN_UP_EVERY: std::ops::Range<f64> = 180.0..360.0;

/// Names that are removed at a time.
const REAPED_AT_MOST: usize = 1000;

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

/// Takes the events of one shard for this process.
pub struct Consumer {
    hands: Arc<Hands>,
    reader: Option<Box<dyn EventReader>>,
    cursor: String,
    next_sweep: Instant,
    next_due: Instant,
    next_clean_up: Instant,
    /// Whether entries wait that are taken alone.
    suspects: bool,
}

impl Consumer {
    /// Prepares a consumer for each shard, under one name; the first [`Consumer::next`] of each opens its connection.
    /// Every shard has to be read by every process: which ones others read is not agreed.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "an `Arc` of any store becomes one of this port")]
    pub fn of_every_shard(store: Arc<dyn EventStore>, settings: &ConsumerSettings) -> Vec<Self> {
        let drawn = HEXLOWER.encode(&rand::rng().random::<[u8; 6]>());
        let name = format!("{}-{drawn}", settings.host);
        let consumer = |shard| {
            let member = GroupMember { group: settings.group.clone(), consumer: name.clone(), shard };
            Self::new(Arc::clone(&store), member, settings.lease)
        };
        (0..store.shards()).map(consumer).collect()
    }

    fn new(store: Arc<dyn EventStore>, member: GroupMember, lease: Duration) -> Self {
        Self {
            hands: Arc::new(Hands::new(store, member, lease)),
            reader: None,
            cursor: "-".to_owned(),
            next_sweep: Instant::now(),
            next_due: Instant::now(),
            next_clean_up: Instant::now(),
            suspects: false,
        }
    }

    /// The shard that it reads, from 0.
    #[must_use]
    pub fn shard(&self) -> u16 {
        self.hands.member.shard
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
        if self.next_due <= now {
            let due = self.hands.store.move_due(self.hands.member.shard, DUE_AT_MOST).await?;
            self.next_due = now + due.next.unwrap_or(LOOK_FOR_DUE).min(LOOK_FOR_DUE);
        }
        if self.next_sweep <= now {
            let entries = self.sweep(max).await?;
            if !entries.is_empty() {
                return Ok(self.deliveries(entries));
            }
        }
        // While suspects wait, others are looked for, and not waited for.
        let longest = if self.suspects { Duration::ZERO } else { BLOCK };
        let block = self.next_sweep.min(self.next_due).saturating_duration_since(now).min(longest);
        let entries = self.read(max, block).await?;
        Ok(self.deliveries(entries))
    }

    /// Whether abandoned entries wait that were started so often without an answer that they may be what ends their
    /// processes: [`Consumer::next`] leaves them out.
    #[must_use]
    pub fn has_suspects(&self) -> bool {
        self.suspects
    }

    /// Takes one of them. Ask only while nothing else is in this process's hands: whatever is would share its fate.
    ///
    /// # Errors
    /// As for [`Consumer::next`].
    pub async fn next_suspect(&mut self) -> Result<Option<Delivery>, StoreError> {
        let swept = self
            .hands
            .store
            .sweep(&self.hands.member, self.hands.lease, "-", SUSPECTS_LOOKED_AT, Suspects::OneAlone)
            .await?;
        self.suspects = !swept.entries.is_empty();
        Ok(self.deliveries(swept.entries).pop())
    }

    /// Leaves the group, unless deliveries are still out.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn retire(self) -> Result<(), StoreError> {
        drop(self.reader);
        self.hands.store.retire(&self.hands.member).await
    }

    async fn sweep(&mut self, max: usize) -> Result<Vec<Entry>, StoreError> {
        if self.reader.is_none() {
            // Opening the reader creates the group, without which there is nothing to sweep.
            self.reader = Some(self.hands.store.reader(&self.hands.member).await?);
        }
        if self.next_clean_up <= Instant::now() {
            // Before anything is in its hands: their lease would run meanwhile.
            clean_up(&self.hands).await;
            let pause = Duration::from_secs_f64(rand::rng().random_range(CLEAN_UP_EVERY));
            self.next_clean_up = Instant::now() + pause;
        }
        let swept = self
            .hands
            .store
            .sweep(&self.hands.member, self.hands.lease, &self.cursor, max, Suspects::LeftOut)
            .await?;
        self.suspects |= swept.suspects;
        self.cursor = swept.cursor;
        if self.cursor == "-" {
            // Between a quarter and a half of the lease, so that processes do not sweep in step.
            let pause = self.hands.lease.mul_f64(rand::rng().random_range(0.25..0.5));
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
            None => self.hands.store.reader(&self.hands.member).await?,
        };
        // A reader that failed is dropped: its reply may still be on the way.
        let entries = reader.read(max, block).await?;
        self.reader = Some(reader);
        Ok(entries)
    }

    fn deliveries(&self, entries: Vec<Entry>) -> Vec<Delivery> {
        entries.into_iter().map(|entry| Delivery::new(entry, Arc::clone(&self.hands))).collect()
    }
}

/// Removes what nobody comes back for. That it fails is no reason to stop.
async fn clean_up(hands: &Hands) {
    match hands.store.reap(&hands.member, SILENT_FOR, REAPED_AT_MOST).await {
        Ok(0) => {}
        Ok(names) => tracing::info!(names, "removed consumers whose process is gone"),
        Err(error) => tracing::debug!(%error, "consumers whose process is gone were not looked for"),
    }
    match hands.store.drop_expired(hands.member.shard).await {
        Ok(0) => {}
        Ok(entries) => {
            tracing::warn!(entries, "dropped dead letters and quarantined webhooks after their 30 days");
        }
        Err(error) => tracing::debug!(%error, "what was kept for 30 days was not looked for"),
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("member", &self.hands.member)
            .field("lease", &self.hands.lease)
            .finish_non_exhaustive()
    }
}
