//! The embedded store: one process, nothing to install, gone when the process ends.
//!
//! It keeps the same promises as the Redis store within its process and passes the same conformance
//! suite; its code, without keys and packing, is the plainest statement of what the scripts do.

mod breakers;
mod codes;
mod consents;
mod dead_letters;
mod deliveries;
mod erasures;
mod events;
mod expiring;
mod failures;
mod forwarded;
mod group_state;
mod health;
mod idempotency;
mod limits;
mod phones;
mod quarantine;
mod replies;
mod shards;
mod tokens;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::{sync::Notify, time::Instant};

use self::expiring::Expiring;
use super::send_times::ms;
use crate::secret::Fingerprint;

/// A clock: milliseconds since the Unix epoch, never going back.
type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A store in this process. Cloning shares it.
#[derive(Clone)]
pub struct MemoryStore {
    clock: Clock,
    state: Arc<Mutex<State>>,
    /// Wakes readers that wait for new entries.
    appended: Arc<Notify>,
}

#[derive(Default)]
struct State {
    codes: Expiring<super::CodeKey, codes::Record>,
    sends: Expiring<Fingerprint, super::send_times::Sends>,
    /// By phone and purpose.
    failures: HashMap<Fingerprint, HashMap<String, failures::PhoneFailures>>,
    receipts: Expiring<Fingerprint, Vec<codes::Receipt>>,
    messages: Expiring<Fingerprint, Vec<(u64, super::MessageKey)>>,
    erasures: Expiring<Fingerprint, u64>,
    limits: Expiring<Fingerprint, limits::Account>,
    idempotency: Expiring<String, idempotency::Record>,
    breakers: HashMap<Fingerprint, breakers::Breaker>,
    tokens: HashMap<super::TokenKey, tokens::Account>,
    events: events::Queues,
    deliveries: Expiring<super::MessageKey, deliveries::Record>,
    counts: Expiring<jiff::civil::Date, super::DeliveryCounts>,
    consents: consents::Consents,
    /// Names of destinations that have the event.
    forwarded: Expiring<crate::event::EventId, BTreeSet<String>>,
    replies: Expiring<replies::Name, replies::Claim>,
    /// Times of the replies between two numbers.
    recent_replies: Expiring<Fingerprint, Vec<u64>>,
}

impl MemoryStore {
    /// An empty store that follows the process's monotonic clock.
    #[must_use]
    pub fn new() -> Self {
        let (epoch, start) = (Timestamp::now().as_millisecond(), Instant::now());
        let epoch = u64::try_from(epoch).unwrap_or_default();
        Self::with_clock(move || epoch + u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// An empty store that follows `clock`, in milliseconds since the Unix epoch.
    pub fn with_clock(clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), state: Arc::default(), appended: Arc::default() }
    }

    /// The state and the time, for one step. Never held over an await.
    fn step(&self) -> (MutexGuard<'_, State>, u64) {
        // A panic while the lock was held is a bug in this file; its state is consistent all the same.
        (self.state.lock().unwrap_or_else(PoisonError::into_inner), (self.clock)())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore")
    }
}
