//! The port for what an event's destinations already have, while something else of it has to be tried again.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::event::EventId;

/// How long it is known: as long as the event may be among the dead letters.
pub(crate) const FORWARDED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Which destinations have an event. It saves them a copy and promises nothing: they tell copies by the event's id.
#[async_trait]
pub trait ForwardedStore: Send + Sync {
    /// Names of the destinations that are known to have the event.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn forwarded(&self, event: &EventId) -> Result<Vec<String>, StoreError>;

    /// Adds destinations that have it; `names` must not be empty.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; adding again is safe.
    async fn keep_forwarded(&self, event: &EventId, names: &[&str]) -> Result<(), StoreError>;

    /// Forgets all of them: nothing of the event is left to be tried.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; it is forgotten by itself after 30 days.
    async fn forget_forwarded(&self, event: &EventId) -> Result<(), StoreError>;
}
