//! Event streams in Redis.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reader::{StreamReader, entry},
    reply::{Reply, number},
    script::{
        BURY_EVENT, DELAY_EVENT, DROP_EXPIRED, DUE, GIVE_BACK, MOVE_DUE, PUBLISH, REAP, RETIRE,
        SETTLE_EVENTS, SWEEP,
    },
};
use crate::store::{
    Claim, Completed, Due, EventReader, EventStore, Failures, GroupMember, Publish, Published, Queue,
    StoreError, Suspects, Swept,
    events::{DEAD_LETTERS_KEPT, MARK_KEPT, QUARANTINE_KEPT, SUSPICIOUS_STARTS},
};

#[async_trait]
impl EventStore for RedisStore {
    fn shards(&self) -> u16 {
        self.agreement.configured
    }

    async fn publish(&self, event: &Publish<'_>) -> Result<Published, StoreError> {
        let shards = self.agreed_shards().await?;
        // Below the number of shards, which is a `u16`.
        let shard = (event.placement % u64::from(shards)) as u16;
        let stream = self.keys.queue(shard, event.queue);
        let mark = self.keys.mark(shard, event.id.as_str());
        let conflict_mark = self.keys.mark(shard, event.conflict_id.as_str());
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
        let reply = match self.grouped.get(usize::from(shard)) {
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
        self.agreed_shards().await?;
        let stream = self.keys.queue(member.shard, Queue::Events);
        let reader = StreamReader::open(Arc::clone(&self.connections), stream, member.clone()).await?;
        Ok(Box::new(reader))
    }

    async fn settle_events(
        &self,
        member: &GroupMember,
        ended: &[Completed],
    ) -> Result<Vec<bool>, StoreError> {
        let mut keys = vec![self.keys.queue(member.shard, Queue::Events)];
        keys.extend(ended.iter().map(|one| self.keys.mark(member.shard, &one.event)));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let call = SETTLE_EVENTS
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .number(ms(MARK_KEPT));
        let call = ended.iter().fold(call, |call, Completed { claim, .. }| {
            call.bytes(claim.position.as_str()).number(claim.deliveries)
        });
        let reply = call.run(&mut self.connections.shared()).await?;
        settled(reply).filter(|settled| settled.len() == ended.len()).ok_or_else(|| call.unreadable())
    }

    async fn give_back(
        &self,
        member: &GroupMember,
        claim: &Claim,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let stream = self.keys.queue(member.shard, Queue::Events);
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
        suspects: Suspects,
    ) -> Result<Swept, StoreError> {
        let stream = self.keys.queue(member.shard, Queue::Events);
        let keys = [stream.as_str()];
        let call = SWEEP
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .number(ms(lease))
            .bytes(cursor)
            .number(count as u64)
            .number(SUSPICIOUS_STARTS)
            .number(u64::from(suspects == Suspects::OneAlone));
        let reply = call.run(&mut self.connections.shared()).await?;
        swept(reply).ok_or_else(|| call.unreadable())
    }

    async fn retire(&self, member: &GroupMember) -> Result<(), StoreError> {
        let stream = self.keys.queue(member.shard, Queue::Events);
        RETIRE
            .on(&[&stream])
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .run(&mut self.connections.shared())
            .await
            .map(drop)
    }

    async fn reap(&self, member: &GroupMember, silent: Duration, most: usize) -> Result<u64, StoreError> {
        let stream = self.keys.queue(member.shard, Queue::Events);
        let keys = [stream.as_str()];
        let call = REAP
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .number(ms(silent))
            .number(most as u64);
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).ok_or_else(|| call.unreadable())
    }

    async fn drop_expired(&self, shard: u16) -> Result<u64, StoreError> {
        let keys = [self.keys.dead_letters(shard), self.keys.queue(shard, Queue::Quarantine)];
        let keys = keys.each_ref().map(String::as_str);
        let call = DROP_EXPIRED.on(&keys).number(ms(DEAD_LETTERS_KEPT)).number(ms(QUARANTINE_KEPT));
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&reply).ok_or_else(|| call.unreadable())
    }

    async fn delay_event(
        &self,
        member: &GroupMember,
        event: &str,
        claim: &Claim,
        failures: &Failures,
        delay: Duration,
    ) -> Result<bool, StoreError> {
        let shard = member.shard;
        let keys = [
            self.keys.queue(shard, Queue::Events),
            self.keys.mark(shard, event),
            self.keys.due(shard),
            self.keys.delayed(shard),
        ];
        let keys = keys.each_ref().map(String::as_str);
        let call = DELAY_EVENT
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .bytes(claim.position.as_str())
            .number(claim.deliveries)
            .bytes(event)
            .number(ms(delay))
            .number(u64::from(failures.count))
            .bytes(failures.first.as_str())
            .bytes(failures.last.as_str())
            .number(ms(MARK_KEPT));
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|delayed| delayed == 1).ok_or_else(|| call.unreadable())
    }

    async fn bury_event(
        &self,
        member: &GroupMember,
        event: &str,
        claim: &Claim,
        failures: &Failures,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let shard = member.shard;
        let keys = [
            self.keys.queue(shard, Queue::Events),
            self.keys.mark(shard, event),
            self.keys.dead_letters(shard),
        ];
        let keys = keys.each_ref().map(String::as_str);
        let call = BURY_EVENT
            .on(&keys)
            .bytes(member.group.as_str())
            .bytes(member.consumer.as_str())
            .bytes(claim.position.as_str())
            .number(claim.deliveries)
            .bytes(reason)
            .number(u64::from(failures.count))
            .bytes(failures.first.as_str())
            .bytes(failures.last.as_str())
            .number(ms(MARK_KEPT))
            .number(ms(DEAD_LETTERS_KEPT));
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|buried| buried == 1).ok_or_else(|| call.unreadable())
    }

    async fn move_due(&self, shard: u16, most: usize) -> Result<Due, StoreError> {
        self.agreed_shards().await?;
        let due = self.keys.due(shard);
        let keys = [due.as_str()];
        let call = DUE.on(&keys).number(most as u64);
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        let (next, ids) = waiting(reply).ok_or_else(|| call.unreadable())?;
        if ids.is_empty() {
            return Ok(Due { moved: 0, next });
        }
        let mut keys =
            vec![self.keys.queue(shard, Queue::Events), self.keys.due(shard), self.keys.delayed(shard)];
        keys.extend(ids.iter().map(|id| self.keys.mark(shard, id)));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        // A repeat finds nothing to move.
        let call =
            ids.iter().fold(MOVE_DUE.on(&keys).number(ms(MARK_KEPT)), |call, id| call.bytes(id.as_str()));
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        let moved = number(&reply).ok_or_else(|| call.unreadable())?;
        // There may be more that are due.
        Ok(Due { moved, next: if ids.len() < most { next } else { Some(Duration::ZERO) } })
    }

    async fn depth(&self, queue: Queue) -> Result<u64, StoreError> {
        let shards = self.shards_to_look_in().await?;
        let mut pipeline = redis::pipe();
        for shard in 0..shards {
            pipeline.cmd("XLEN").arg(self.keys.queue(shard, queue));
        }
        let depths: Vec<u64> = pipeline
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "depth", source })?;
        Ok(depths.into_iter().sum())
    }
}

fn settled(reply: Value) -> Option<Vec<bool>> {
    Reply::new(reply)?.rest().map(|value| number(&value).map(|settled| settled == 1)).collect()
}

fn swept(reply: Value) -> Option<Swept> {
    let mut reply = Reply::new(reply)?;
    let (cursor, suspects) = (reply.text()?, reply.number()? == 1);
    let taken = |value| {
        let mut reply = Reply::new(value)?;
        let claim = Claim { position: reply.text()?, deliveries: reply.number()? };
        entry(claim, reply.nested()?)
    };
    let entries = reply.nested()?.rest().map(taken).collect::<Option<Vec<_>>>()?;
    Some(Swept { entries, cursor, suspects })
}

/// Time until the next one, and the ids of those that are due.
fn waiting(reply: Value) -> Option<(Option<Duration>, Vec<String>)> {
    let mut reply = Reply::new(reply)?;
    let next = u64::try_from(reply.signed()?).ok().map(Duration::from_millis);
    let ids =
        reply.nested()?.rest().map(|id| Reply::new(Value::Array(vec![id]))?.text()).collect::<Option<_>>()?;
    Some((next, ids))
}
