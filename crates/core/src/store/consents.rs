//! The port for consent: a last-writer-wins register on event time.

use async_trait::async_trait;

use super::StoreError;
use crate::{event::EventId, secret::Fingerprint};

/// Names one register: tenant and phone (both in the fingerprint) and the sender they opted out of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsentRegister {
    /// Keyed fingerprint of tenant and phone.
    pub phone: Fingerprint,
    /// Keyed fingerprint of our number or short code.
    pub sender: Fingerprint,
}

/// Whether a person wants texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Opted in, by START or the like.
    In,
    /// Opted out, by STOP or the like.
    Out,
}

/// One statement of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentChange {
    /// In or out.
    pub consent: Consent,
    /// Event time in milliseconds since the Unix epoch, already clamped to the receive time.
    pub at_ms: u64,
    /// The event that said so.
    pub event: EventId,
    /// The word that matched.
    pub rule: String,
}

/// Opt-outs. The later statement wins; at the same time, opting out wins.
#[async_trait]
pub trait ConsentStore: Send + Sync {
    /// Merges a statement and returns whether the register changed.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn record_consent(
        &self,
        register: &ConsentRegister,
        change: &ConsentChange,
    ) -> Result<bool, StoreError>;

    /// Reads the last statement.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn consent(&self, register: &ConsentRegister) -> Result<Option<ConsentChange>, StoreError>;
}
