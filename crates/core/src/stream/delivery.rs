//! One entry in the hands of this process, and the five ways out of them.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{settling::Settling, wire};
use crate::{
    event::Event,
    store::{Claim, Completed, Entry, EventStore, Failures, GroupMember, StoreError},
};

/// Why an entry of the stream is no event that this process can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A later release wrote it: another process may be able to.
    #[error("a later release wrote it")]
    Newer,
    /// Nobody can read it.
    #[error("it is no event")]
    Malformed,
}

/// An entry in the hands of this process.
#[must_use = "a delivery that is dropped comes back when its lease has ended"]
pub struct Delivery {
    id: String,
    event: Result<Event, Unreadable>,
    raw: Bytes,
    failures: Failures,
    tried_since_ms: u64,
    claim: Claim,
    hands: Arc<Hands>,
}

/// Whose hands entries are in, and for how long.
pub(super) struct Hands {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) member: GroupMember,
    pub(super) lease: Duration,
    settling: Settling,
}

impl Hands {
    /// Starts the task that settles.
    pub(super) fn new(store: Arc<dyn EventStore>, member: GroupMember, lease: Duration) -> Self {
        let settling = Settling::start(Arc::clone(&store), member.clone());
        Self { store, member, lease, settling }
    }
}

impl Delivery {
    pub(super) fn new(entry: Entry, hands: Arc<Hands>) -> Self {
        let event = wire::decode(&entry);
        if let Err(error) = &event {
            let position = &entry.claim.position;
            tracing::error!(%error, position, "an entry of the event stream cannot be read");
            metrics::counter!("textproof_stream_unreadable_total").increment(1);
        }
        Self {
            id: entry.id,
            event: event.map_err(|error| match error {
                wire::WireError::Version(_) | wire::WireError::Kind => Unreadable::Newer,
                wire::WireError::Malformed { .. } | wire::WireError::NoId => Unreadable::Malformed,
            }),
            raw: entry.raw,
            failures: entry.failures,
            tried_since_ms: entry.tried_since_ms,
            claim: entry.claim,
            hands,
        }
    }

    /// The event.
    ///
    /// # Errors
    /// [`Unreadable`]: the entry is no event that this version knows.
    pub fn event(&self) -> Result<&Event, Unreadable> {
        self.event.as_ref().map_err(|unreadable| *unreadable)
    }

    /// The event's name, as the entry has it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The original bytes of the webhook.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// How often the event was handed out since it last came onto the stream, this time included.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.claim.deliveries
    }

    /// What went wrong with it before.
    #[must_use]
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// When it was published, or put back from the dead letters, in milliseconds since the epoch by the store's clock.
    #[must_use]
    pub fn tried_since_ms(&self) -> u64 {
        self.tried_since_ms
    }

    /// Settles the event: it took effect. Returns false when another process has it by now, in which case
    /// nothing changes. Events that end at the same time are settled together.
    ///
    /// # Errors
    /// [`StoreError`]: it may or may not be settled; if it is not, it comes back.
    pub async fn ack(self) -> Result<bool, StoreError> {
        self.hands.settling.settle(Completed { event: self.id, claim: self.claim }).await
    }

    /// Gives the event back untouched: the next sweep of any process takes it, and this start is not counted.
    ///
    /// # Errors
    /// [`StoreError`]: if it is not given back, it comes back after its lease.
    pub async fn release(self) -> Result<bool, StoreError> {
        self.hands.store.give_back(&self.hands.member, &self.claim, self.hands.lease).await
    }

    /// Puts the event off for `delay` after a failure; its starts are counted anew. `error` must hold nothing that a
    /// person wrote, and no full number.
    ///
    /// # Errors
    /// [`StoreError`]: if it is not put off, it comes back after its lease.
    pub async fn delay(self, delay: Duration, error: &str) -> Result<bool, StoreError> {
        let failures = self.failed(error);
        self.hands.store.delay_event(&self.hands.member, &self.id, &self.claim, &failures, delay).await
    }

    /// Puts the event off for `delay` without a failure of its own: what it needs is away. Otherwise as
    /// [`Delivery::delay`].
    ///
    /// # Errors
    /// [`StoreError`]: if it is not put off, it comes back after its lease.
    pub async fn postpone(self, delay: Duration, error: &str) -> Result<bool, StoreError> {
        let failures = Failures { count: self.failures.count, ..self.failed(error) };
        self.hands.store.delay_event(&self.hands.member, &self.id, &self.claim, &failures, delay).await
    }

    /// Puts the event among the dead letters. `reason` is a stable word; `error` is what failed now, if something did.
    ///
    /// # Errors
    /// [`StoreError`]: if it is not buried, it comes back after its lease.
    pub async fn bury(self, reason: &str, error: Option<&str>) -> Result<bool, StoreError> {
        let failures = error.map_or_else(|| self.failures.clone(), |error| self.failed(error));
        self.hands.store.bury_event(&self.hands.member, &self.id, &self.claim, &failures, reason).await
    }

    fn failed(&self, error: &str) -> Failures {
        let error = short(error);
        let first = if self.failures.count == 0 { &error } else { &self.failures.first }.clone();
        Failures { count: self.failures.count.saturating_add(1), first, last: error }
    }
}

/// An error travels with its event: not at any length.
fn short(error: &str) -> String {
    const MOST_CHARS: usize = 300;
    error.chars().take(MOST_CHARS).collect()
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("id", &self.id).field("claim", &self.claim).finish_non_exhaustive()
    }
}
