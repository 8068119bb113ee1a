//! Delivery records and counters in memory.

use async_trait::async_trait;
use jiff::civil::Date;

use super::{MemoryStore, State, ms};
use crate::{
    event::DeliveryStatus,
    store::{
        DeliveryCounts, DeliveryRecord, DeliveryStore, MessageKey, Recorded, StoreError,
        deliveries::{COUNTERS_KEPT, DELIVERY_KEPT},
    },
};

/// What is known of one message.
#[derive(Clone, Default)]
pub(super) struct Record {
    sent_at: Option<u64>,
    status: Option<DeliveryStatus>,
    counted: bool,
}

#[async_trait]
impl DeliveryStore for MemoryStore {
    async fn record_sent(&self, key: &MessageKey, _prefix: &str, day: Date) -> Result<Recorded, StoreError> {
        let (mut state, now) = self.step();
        Ok(merge(&mut state, key, day, now, |record, counts| {
            if record.sent_at.is_none() {
                record.sent_at = Some(now);
                counts.sent += 1;
            }
            false
        }))
    }

    async fn record_report(
        &self,
        key: &MessageKey,
        status: DeliveryStatus,
        day: Date,
    ) -> Result<Recorded, StoreError> {
        let (mut state, now) = self.step();
        Ok(merge(&mut state, key, day, now, |record, _| {
            let raised = record.status.is_none_or(|known| known < status);
            if raised {
                record.status = Some(status);
            }
            raised
        }))
    }

    async fn record_verified(&self, _prefix: &str, day: Date) -> Result<(), StoreError> {
        let (mut state, now) = self.step();
        let mut counts = state.counts.get(&day, now).copied().unwrap_or_default();
        counts.verified += 1;
        state.counts.put(day, counts, now, ms(COUNTERS_KEPT));
        Ok(())
    }

    async fn delivery(&self, key: &MessageKey) -> Result<Option<DeliveryRecord>, StoreError> {
        let (state, now) = self.step();
        let record = state.deliveries.get(key, now);
        Ok(record.map(|record| DeliveryRecord { status: record.status, sent: record.sent_at.is_some() }))
    }

    async fn delivery_counts(&self, day: Date) -> Result<DeliveryCounts, StoreError> {
        let (state, now) = self.step();
        Ok(state.counts.get(&day, now).copied().unwrap_or_default())
    }
}

fn merge(
    state: &mut State,
    key: &MessageKey,
    day: Date,
    now: u64,
    step: impl FnOnce(&mut Record, &mut DeliveryCounts) -> bool,
) -> Recorded {
    let mut record = state.deliveries.get(key, now).cloned().unwrap_or_default();
    let mut counts = state.counts.get(&day, now).copied().unwrap_or_default();
    let raised = step(&mut record, &mut counts);
    if let (Some(sent_at), Some(DeliveryStatus::Delivered), false) =
        (record.sent_at, record.status, record.counted)
    {
        record.counted = true;
        counts.delivered += 1;
        counts.delivery_ms += now.saturating_sub(sent_at);
    }
    let recorded = Recorded {
        status: record.status.unwrap_or(DeliveryStatus::Unknown),
        raised,
        joined: record.sent_at.is_some() && record.status.is_some(),
    };
    state.deliveries.put(key.clone(), record, now, ms(DELIVERY_KEPT));
    state.counts.put(day, counts, now, ms(COUNTERS_KEPT));
    recorded
}
