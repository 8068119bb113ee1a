//! Delivery records and counters in Redis.

use async_trait::async_trait;
use jiff::civil::Date;
use redis::Value;

use super::{RedisStore, ms, reply::Reply, script::DELIVERY};
use crate::{
    event::DeliveryStatus,
    store::{
        DeliveryCounts, DeliveryRecord, DeliveryStore, MessageKey, Recorded, StoreError,
        deliveries::{COUNTERS_KEPT, DELIVERY_KEPT},
    },
};

#[async_trait]
impl DeliveryStore for RedisStore {
    async fn record_sent(&self, key: &MessageKey, prefix: &str, day: Date) -> Result<Recorded, StoreError> {
        self.merge_delivery(key, String::new(), prefix, day).await
    }

    async fn record_report(
        &self,
        key: &MessageKey,
        status: DeliveryStatus,
        day: Date,
    ) -> Result<Recorded, StoreError> {
        self.merge_delivery(key, status.rank().to_string(), "", day).await
    }

    async fn record_verified(&self, prefix: &str, day: Date) -> Result<(), StoreError> {
        // Any tag will do: readers sum over all of them.
        let key = self.keys.counters(rand::random(), day);
        let mut pipeline = redis::pipe();
        pipeline.cmd("HINCRBY").arg(&key).arg(format!("verified:{prefix}")).arg(1).ignore();
        pipeline.cmd("PEXPIRE").arg(&key).arg(ms(COUNTERS_KEPT)).ignore();
        pipeline
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "count a verified code", source })
    }

    async fn delivery(&self, key: &MessageKey) -> Result<Option<DeliveryRecord>, StoreError> {
        let (sent, rank): (Option<u64>, Option<u8>) = redis::cmd("HMGET")
            .arg(self.keys.delivery(key))
            .arg(&["sent", "rank"])
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "read delivery", source })?;
        if sent.is_none() && rank.is_none() {
            return Ok(None);
        }
        Ok(Some(DeliveryRecord { status: rank.map(DeliveryStatus::from_rank), sent: sent.is_some() }))
    }

    async fn delivery_counts(&self, day: Date) -> Result<DeliveryCounts, StoreError> {
        let mut pipeline = redis::pipe();
        for key in self.keys.all_counters(day) {
            pipeline.cmd("HGETALL").arg(key);
        }
        let per_tag: Vec<Vec<(String, u64)>> = pipeline
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "read delivery counters", source })?;
        let mut counts = DeliveryCounts::default();
        for (name, value) in per_tag.into_iter().flatten() {
            match name.split(':').next() {
                Some("sent") => counts.sent += value,
                Some("delivered") => counts.delivered += value,
                Some("delivery_ms") => counts.delivery_ms += value,
                Some("verified") => counts.verified += value,
                _ => {}
            }
        }
        Ok(counts)
    }
}

impl RedisStore {
    async fn merge_delivery(
        &self,
        key: &MessageKey,
        rank: String,
        prefix: &str,
        day: Date,
    ) -> Result<Recorded, StoreError> {
        let record = self.keys.delivery(key);
        let counters = self.keys.counters_of(&record, day);
        let keys = [record.as_str(), counters.as_str()];
        let call =
            DELIVERY.on(&keys).bytes(rank).bytes(prefix).number(ms(DELIVERY_KEPT)).number(ms(COUNTERS_KEPT));
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        recorded(reply).ok_or_else(|| call.unreadable())
    }
}

fn recorded(reply: Value) -> Option<Recorded> {
    let mut reply = Reply::new(reply)?;
    let rank = reply.signed()?;
    let raised = reply.number()? == 1;
    let sent = reply.number()? == 1;
    let status = u8::try_from(rank).map_or(DeliveryStatus::Unknown, DeliveryStatus::from_rank);
    Some(Recorded { status, raised, joined: sent && rank >= 0 })
}
