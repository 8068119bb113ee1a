//! The port for operators: what is kept of one phone, unlocking it, and forgetting it.

use std::time::Duration;

use async_trait::async_trait;

use super::{MessageKey, StoreError};
use crate::{
    policy::{FailureLimits, SendLimits},
    purpose::Purpose,
    secret::Fingerprint,
};

/// How long an erasure mark is kept: as long as an event may wait anywhere for its worker.
pub const ERASURE_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// How long the message ids of a phone are kept, for `phone` and `erase`: as long as their delivery records.
pub(crate) const MESSAGES_KEPT: Duration = super::deliveries::DELIVERY_KEPT;

/// The most message ids that are kept of one phone.
pub(crate) const MESSAGES_AT_MOST: usize = 128;

/// The most idempotency keys that the sends of one phone name; an older one ends by itself. A send that the gateway
/// refuses costs the phone no limit, so nothing else bounds them.
pub(crate) const IDEMPOTENCY_AT_MOST: usize = 128;

/// What is kept of one phone, as far as it matters now. No code, no number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneState {
    /// Sends that windows still look at.
    pub sends: u32,
    /// Time until the next send is possible.
    pub next_send_in: Duration,
    /// Sends left in the tightest window.
    pub sends_left: u32,
    /// Codes that have not expired, the oldest first.
    pub codes: Vec<CodeState>,
    /// Wrong guesses in a row, by purpose.
    pub failures: Vec<FailureState>,
    /// The last message that a gateway took.
    pub last_message: Option<MessageKey>,
    /// When the phone was last erased, in milliseconds since the Unix epoch by the store's clock.
    pub erased_at_ms: Option<u64>,
}

/// One code of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeState {
    /// What it is for.
    pub purpose: String,
    /// Whether it belongs to a session of the application.
    pub in_session: bool,
    /// Whether it has been used; it is remembered for a moment.
    pub used: bool,
    /// Guesses left.
    pub guesses_left: u8,
    /// Life left.
    pub expires_in: Duration,
}

/// Wrong guesses in a row of a phone for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureState {
    /// The purpose.
    pub purpose: String,
    /// Wrong guesses in a row, over all sessions.
    pub in_a_row: u8,
    /// Whether the phone is locked for this purpose.
    pub locked: bool,
    /// The longest wait of any session now.
    pub longest_wait: Duration,
}

/// What erasing a phone removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Keys that existed and are gone.
    pub keys: u64,
    /// What the person said about consent: statements, their evidence and texts that waited to be read.
    pub statements: u64,
}

/// What an operator asks of one phone.
#[async_trait]
pub trait PhoneStore: Send + Sync {
    /// Reads what is kept of a phone; changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn inspect(
        &self,
        phone: &Fingerprint,
        limits: &SendLimits,
        failures: &FailureLimits,
    ) -> Result<PhoneState, StoreError>;

    /// Forgets the wrong guesses in a row, of one purpose or of all; returns whether there were any.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; unlocking again is safe.
    async fn unlock(&self, phone: &Fingerprint, purpose: Option<&Purpose>) -> Result<bool, StoreError>;

    /// Forgets codes, limits, failures, receipts, idempotency records and delivery records of a phone, and
    /// leaves a mark with the time, so that later rooms can finish the work. Consent stays.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; erasing again is safe.
    async fn erase(&self, phone: &Fingerprint) -> Result<Erased, StoreError>;

    /// When the phone was last erased, in milliseconds since the Unix epoch by the store's clock, while its mark is
    /// kept.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn erased_at_ms(&self, phone: &Fingerprint) -> Result<Option<u64>, StoreError>;
}
