//! The port for delivery records: one per gateway message, made by whichever comes first, the send or a
//! report.

use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;

use super::StoreError;
use crate::event::DeliveryStatus;

/// How long a delivery record is kept: a day longer than the identity mark of its last report.
pub(crate) const DELIVERY_KEPT: Duration = Duration::from_secs(8 * 86_400);
/// How long the counters of a day are kept.
pub(crate) const COUNTERS_KEPT: Duration = Duration::from_secs(35 * 86_400);

/// Names one message of one gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageKey {
    /// The gateway's name.
    pub gateway: String,
    /// The gateway's message id.
    pub message_id: String,
}

/// What a step did to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Highest status seen so far.
    pub status: DeliveryStatus,
    /// Whether this step raised it.
    pub raised: bool,
    /// Whether both the send and a report are known now.
    pub joined: bool,
}

/// A delivery record as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Highest status seen; none before the first report.
    pub status: Option<DeliveryStatus>,
    /// Whether our send is known.
    pub sent: bool,
}

/// Counters of one day (UTC) over all prefixes. No personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Texts that a gateway took.
    pub sent: u64,
    /// Texts that were sent by us and reported as delivered.
    pub delivered: u64,
    /// Sum of the times from send to delivered report, in milliseconds by the store's clock.
    pub delivery_ms: u64,
    /// Codes that were verified.
    pub verified: u64,
}

/// Delivery status as a merge that only moves forward: any order and any repetition end the same.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Records that the gateway took a text for a number with this prefix. `day` picks the counters.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn record_sent(&self, key: &MessageKey, prefix: &str, day: Date) -> Result<Recorded, StoreError>;

    /// Merges a report. `day` picks the counters.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn record_report(
        &self,
        key: &MessageKey,
        status: DeliveryStatus,
        day: Date,
    ) -> Result<Recorded, StoreError>;

    /// Counts a verified code of a number with this prefix. `day` picks the counters.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; it may have been counted.
    async fn record_verified(&self, prefix: &str, day: Date) -> Result<(), StoreError>;

    /// Reads a record.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn delivery(&self, key: &MessageKey) -> Result<Option<DeliveryRecord>, StoreError>;

    /// Sums the counters of a day.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn delivery_counts(&self, day: Date) -> Result<DeliveryCounts, StoreError>;
}
