//! The quarantine in Redis.

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::{
    RedisStore, ms,
    position::{Position, merge},
    reader::entry,
    reply::{Reply, number},
    script::LET_GO,
};
use crate::store::{Claim, Kept, Order, QuarantineStore, Queue, StoreError, events::MARK_KEPT};

const ACTION: &str = "read quarantine";

#[async_trait]
impl QuarantineStore for RedisStore {
    async fn kept(&self, order: Order, after: Option<&str>, count: usize) -> Result<Vec<Kept>, StoreError> {
        let shards = self.shards_to_look_in().await?;
        let after = match after.map(Position::parse) {
            Some(None) => return Ok(Vec::new()),
            after => after.flatten(),
        };
        let mut found = Vec::new();
        for shard in 0..shards {
            let page = Position::page(&self.keys.queue(shard, Queue::Quarantine), shard, order, after, count);
            found.extend(self.entries(&page, shard).await?);
        }
        Ok(merge(found, order, count))
    }

    async fn kept_at(&self, position: &str) -> Result<Option<Kept>, StoreError> {
        let Some(position) = Position::parse(position) else { return Ok(None) };
        let range = position.range(&self.keys.queue(position.shard, Queue::Quarantine));
        Ok(self.entries(&range, position.shard).await?.pop().map(|(_, kept)| kept))
    }

    async fn let_go(&self, kept: &Kept) -> Result<bool, StoreError> {
        let Some(position) = Position::parse(&kept.position) else { return Ok(false) };
        let stream = self.keys.queue(position.shard, Queue::Quarantine);
        let mark = self.keys.mark(position.shard, &kept.id);
        let keys = [stream.as_str(), mark.as_str()];
        let call = LET_GO.on(&keys).bytes(position.entry()).number(ms(MARK_KEPT));
        // A repeat finds it gone and marks it again: only who removed it is told so, which is no verdict.
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&reply).map(|removed| removed == 1).ok_or_else(|| call.unreadable())
    }
}

impl RedisStore {
    async fn entries(&self, range: &Cmd, shard: u16) -> Result<Vec<(Position, Kept)>, StoreError> {
        let reply: Value = range
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
        let entries =
            Reply::new(reply).and_then(|reply| reply.rest().map(|value| kept(value, shard)).collect());
        entries.ok_or(StoreError::Unreadable { action: ACTION })
    }
}

fn kept(value: Value, shard: u16) -> Option<(Position, Kept)> {
    let mut reply = Reply::new(value)?;
    let position = Position::of(&reply.text()?, shard)?;
    let claim = Claim { position: position.to_string(), deliveries: 0 };
    let entry = entry(claim, reply.nested()?)?;
    let kept =
        Kept { position: entry.claim.position, id: entry.id, envelope: entry.envelope, raw: entry.raw };
    Some((position, kept))
}
