//! The port for event streams: publish once, read as a group, settle what is still yours.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;
use crate::event::{ContentDigest, EventId};

/// How long an event's identity is remembered.
pub const MARK_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long dead letters are kept.
pub(crate) const DEAD_LETTERS_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long what was not understood is kept.
pub(crate) const QUARANTINE_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Which list of a shard an entry goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Events for the workers.
    Events,
    /// Authentic webhooks that were not understood, kept 30 days.
    Quarantine,
}

/// An event to store, with everything that its script needs.
#[derive(Clone, Debug)]
pub struct Publish<'a> {
    /// Where to.
    pub queue: Queue,
    /// Its name.
    pub id: &'a EventId,
    /// Its name if another event with other content has the identity already.
    pub conflict_id: &'a EventId,
    /// Tells a repeat from other content.
    pub digest: ContentDigest,
    /// The event in its wire form, without the id.
    pub envelope: &'a str,
    /// The original bytes of the webhook.
    pub raw: &'a [u8],
    /// Modulo the number of shards, the shard it goes to; the same for everything that is said of one message.
    pub placement: u64,
}

/// What became of a publish. In every case the store holds the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Published {
    /// Appended.
    New,
    /// It was there already, or has been acted on already.
    Duplicate,
    /// Another event has the identity; this one was appended under its own name.
    Conflict,
    /// The mark said it was there, but the entry was gone: appended again.
    Healed,
}

/// A reader's place in the consumer group of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The consumer group.
    pub group: String,
    /// This process's consumer name; drawn at random at start, never configured.
    pub consumer: String,
    /// The shard, from 0.
    pub shard: u16,
}

/// An entry handed to this consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The event's name.
    pub id: String,
    /// Whether it was published as a conflict.
    pub conflict: bool,
    /// The event in its wire form.
    pub envelope: String,
    /// The original bytes of the webhook.
    pub raw: Bytes,
    /// What went wrong with it before.
    pub failures: Failures,
    /// When it was published, or put back from the dead letters, in milliseconds since the epoch. What it waited in
    /// between does not change that.
    pub tried_since_ms: u64,
    /// What must still hold when the entry is settled.
    pub claim: Claim,
}

/// What went wrong with an event so far: travels with it from one delay to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How often a handler failed.
    pub count: u32,
    /// What the first one said; empty when none has failed.
    pub first: String,
    /// What the last one said.
    pub last: String,
}

/// Entries that were started without an answer so often may be what ends their processes. They are taken alone.
pub const SUSPICIOUS_STARTS: u64 = 2;

/// Which abandoned entries a sweep takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspects {
    /// All but those that were started [`SUSPICIOUS_STARTS`] times.
    LeftOut,
    /// One that was started so often, and no other.
    OneAlone,
}

/// What became of events that were put off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Events that are back on the stream.
    pub moved: u64,
    /// Time until the next one is due; none when none is put off.
    pub next: Option<Duration>,
}

/// Position and delivery count of an entry in the hands of this consumer. Whoever claims the entry later
/// has a higher count, so a stale claim cannot settle it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Position in the stream.
    pub position: String,
    /// How often the entry was handed out, this time included.
    pub deliveries: u64,
}

/// Entries that [`EventStore::settle_events`] takes in one call, at most: one call must not keep others waiting for long.
pub const SETTLED_AT_ONCE: usize = 128;

/// An entry that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The event's name.
    pub event: String,
    /// What must still hold.
    pub claim: Claim,
}

/// Abandoned entries that a sweep took over, and where the next sweep goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Now in the hands of this consumer.
    pub entries: Vec<Entry>,
    /// Start of the next sweep; `-` when this one came to the end.
    pub cursor: String,
    /// Whether suspects were left out.
    pub suspects: bool,
}

/// Event streams with a consumer group.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// How many shards the events are in: 1 or more, the same for the whole fleet.
    fn shards(&self) -> u16;

    /// Appends an event unless it is there already: look up, append and mark, in one step.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; then the event may or may not be stored, and
    /// publishing it again is safe.
    async fn publish(&self, event: &Publish<'_>) -> Result<Published, StoreError>;

    /// Opens a blocking reader with a connection of its own, creating the group if it is missing.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn reader(&self, member: &GroupMember) -> Result<Box<dyn EventReader>, StoreError>;

    /// Marks entries done and deletes them, each if it is still in this consumer's hands with this count; returns for
    /// each whether it was. At most [`SETTLED_AT_ONCE`] in one call.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; some may be settled, or all, or none.
    async fn settle_events(&self, member: &GroupMember, ended: &[Completed])
    -> Result<Vec<bool>, StoreError>;

    /// Gives an entry back so that the next sweep takes it at once and this start is not counted.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn give_back(
        &self,
        member: &GroupMember,
        claim: &Claim,
        lease: Duration,
    ) -> Result<bool, StoreError>;

    /// Takes over at most `count` entries that nobody has worked on for `lease`, from `cursor` on.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn sweep(
        &self,
        member: &GroupMember,
        lease: Duration,
        cursor: &str,
        count: usize,
        suspects: Suspects,
    ) -> Result<Swept, StoreError>;

    /// Puts an entry off for `delay`, with what went wrong, if it is still in this consumer's hands; returns whether it
    /// was. Its starts are counted anew.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn delay_event(
        &self,
        member: &GroupMember,
        event: &str,
        claim: &Claim,
        failures: &Failures,
        delay: Duration,
    ) -> Result<bool, StoreError>;

    /// Puts an entry among the dead letters, if it is still in this consumer's hands; returns whether it was.
    /// `reason` is a stable word.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn bury_event(
        &self,
        member: &GroupMember,
        event: &str,
        claim: &Claim,
        failures: &Failures,
        reason: &str,
    ) -> Result<bool, StoreError>;

    /// Puts at most `most` events of a shard back on its stream that were put off and are due.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; asking again is safe.
    async fn move_due(&self, shard: u16, most: usize) -> Result<Due, StoreError>;

    /// Removes this consumer from the group unless entries are still in its hands.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn retire(&self, member: &GroupMember) -> Result<(), StoreError>;

    /// Shows that this consumer is there, and removes at most `most` others from the group that have shown nothing of
    /// themselves for `silent` and have no entries in their hands; returns how many. One that lives all the same is back
    /// with its next entry.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn reap(&self, member: &GroupMember, silent: Duration, most: usize) -> Result<u64, StoreError>;

    /// Removes the dead letters and the quarantined webhooks of a shard that were kept for 30 days; returns how many.
    /// Burying and publishing do so too, for what comes to the shard.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; asking again is safe.
    async fn drop_expired(&self, shard: u16) -> Result<u64, StoreError>;

    /// Number of entries that are stored and not settled.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn depth(&self, queue: Queue) -> Result<u64, StoreError>;
}

/// A blocking reader.
#[async_trait]
pub trait EventReader: Send {
    /// Waits up to `block` for new entries and takes at most `count`.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; the reader must then be opened again.
    async fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, StoreError>;
}
