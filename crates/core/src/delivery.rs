//! Delivery reports joined with the sends they are about.

use std::{fmt, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    event::DeliveryReport,
    store::{DeliveryStore, MessageKey, Recorded, StoreError},
};

/// Merges delivery reports: the highest status seen wins, in any order and any repetition. A report never
/// changes a verdict.
#[derive(Clone)]
pub struct Deliveries {
    store: Arc<dyn DeliveryStore>,
}

impl Deliveries {
    /// Merges into this store.
    #[must_use]
    pub fn new(store: Arc<dyn DeliveryStore>) -> Self {
        Self { store }
    }

    /// Merges a report; `now` picks the day of the counters (UTC).
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; merging again is safe.
    pub async fn merge(&self, report: &DeliveryReport, now: Timestamp) -> Result<Recorded, StoreError> {
        let key = MessageKey { gateway: report.gateway.clone(), message_id: report.message_id.clone() };
        let day = now.to_zoned(TimeZone::UTC).date();
        self.store.record_report(&key, report.status, day).await
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deliveries")
    }
}
