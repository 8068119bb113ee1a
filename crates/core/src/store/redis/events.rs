//! Event streams in Redis.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reader::{StreamReader, entry},
    reply::{Reply, number},
    script::{GIVE_BACK, PUBLISH, RETIRE, SETTLE_EVENT, SWEEP},
};
use crate::store::{
    Claim, EventReader, EventStore, GroupMember, Publish, Published, Queue, StoreError, Swept,
    events::{MARK_KEPT, QUARANTINE_KEPT},
};

#[async_trait]
impl EventStore for RedisStore {
    async fn publish(&self, event: &Publish<'_>) -> Result<Published, StoreError> {
        let stream = self.keys.queue(event.queue);
        let mark = self.keys.mark(event.id.as_str());
        let conflict_mark = self.keys.mark(event.conflict_id.as_str());
        let kept = match event.queue {
            Queue::Events => 0,
            Queue::Quarantine => ms(QUARANTINE_KEPT),
        };
        let keys = [stream.as_str(), mark.as_str(), conflict_mark.as_str()];
        let call = PUBLISH
            .on(&keys)
            .bytes(event.id.as_str())
            .bytes(event.conflict_id.as_str())
            .bytes(event.digest.0)
            .bytes(event.envelope)
            .bytes(event.raw)
            .number(ms(MARK_KEPT))
            .number(kept);
        let reply = match &self.grouped {
            None => call.run_repeatable(&mut self.connections.shared()).await?,
            Some(grouped) => grouped.run(&call).await?,
        };
        match number(&reply) {
            Some(1) => Ok(Published::New),
            Some(2) => Ok(Published::Duplicate),
            Some(3) => Ok(Published::Conflict),
            Some(4) => Ok(Published::Healed),
            _ => Err(call.unreadable()),
        }
    }

    async fn reader(&self, member: &GroupMember) -> Result<Box<dyn EventReader>, StoreError> {
        let stream = self.keys.queue(Queue::Events);
        let reader = StreamReader::open(Arc::clone(&self.connections), stream, member.clone()).await?;
        Ok(Box::new(reader))
    }

    async fn settle_event(
        &self,
        member: &GroupMember,
        event: &str,
        claim: &Claim,
    ) -> Result<bool, StoreError> {
        let (stream, mark) = (self.keys.queue(Queue::Events), self.keys.mark(event));
        let keys = [stream.as_str(), mark.as_str()];
        let call = SETTLE_EVENT
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .bytes(claim.position.as_str())
            .number(claim.deliveries)
            .number(ms(MARK_KEPT));
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|settled| settled == 1).ok_or_else(|| call.unreadable())
    }

    async fn give_back(
        &self,
        member: &GroupMember,
        claim: &Claim,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let stream = self.keys.queue(Queue::Events);
        let keys = [stream.as_str()];
        let call = GIVE_BACK
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .bytes(claim.position.as_str())
            .number(claim.deliveries)
            .number(ms(lease));
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|given| given == 1).ok_or_else(|| call.unreadable())
    }

    async fn sweep(
        &self,
        member: &GroupMember,
        lease: Duration,
        cursor: &str,
        count: usize,
    ) -> Result<Swept, StoreError> {
        let stream = self.keys.queue(Queue::Events);
        let keys = [stream.as_str()];
        let call = SWEEP
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .number(ms(lease))
            .bytes(cursor)
            .number(count as u64);
        let reply = call.run(&mut self.connections.shared()).await?;
        swept(reply).ok_or_else(|| call.unreadable())
    }

    async fn retire(&self, member: &GroupMember) -> Result<(), StoreError> {
        let stream = self.keys.queue(Queue::Events);
        RETIRE
            .on(&[&stream])
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .run(&mut self.connections.shared())
            .await
            .map(drop)
    }

    async fn depth(&self, queue: Queue) -> Result<u64, StoreError> {
        redis::cmd("XLEN")
            .arg(self.keys.queue(queue))
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "depth", source })
    }
}

fn swept(reply: Value) -> Option<Swept> {
    let mut reply = Reply::new(reply)?;
    let cursor = reply.text()?;
    let taken = |value| {
        let mut reply = Reply::new(value)?;
        let claim = Claim { position: reply.text()?, deliveries: reply.number()? };
        entry(claim, reply.nested()?)
    };
    let entries = reply.nested()?.rest().map(taken).collect::<Option<Vec<_>>>()?;
    Some(Swept { entries, cursor })
}
