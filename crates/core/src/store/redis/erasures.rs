//! Single events in Redis, found and erased.

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    position::{Position, merge},
    reader::entry,
    reply::{Reply, number},
    script::{DELAYED_PAGE, ERASE_EVENT},
};
use crate::store::{Claim, ErasureStore, MARK_KEPT, Order, Place, Queue, StoreError, Stored, StoredPage};

#[async_trait]
impl ErasureStore for RedisStore {
    async fn stored(&self, place: Place, from: Option<&str>, count: usize) -> Result<StoredPage, StoreError> {
        let shards = self.shards_to_look_in().await?;
        match place {
            Place::Delayed => self.delayed_page(from, shards, count).await,
            place => self.stream_page(place, from, shards, count).await,
        }
    }

    async fn erase_stored(&self, stored: &Stored) -> Result<bool, StoreError> {
        let (shard, position) = match stored.place {
            Place::Delayed => match place_of_delayed(&stored.position) {
                Some((shard, id)) => (shard, id.to_owned()),
                None => return Ok(false),
            },
            _ => match Position::parse(&stored.position) {
                Some(position) => (position.shard, position.entry()),
                None => return Ok(false),
            },
        };
        let keys = [self.place(stored.place, shard), self.keys.mark(shard, &stored.id), self.keys.due(shard)];
        let keys = keys.each_ref().map(String::as_str);
        let call = ERASE_EVENT
            .on(&keys)
            .bytes(position)
            .number(ms(MARK_KEPT))
            .number(u64::from(stored.place == Place::Delayed));
        // A repeat finds it gone; that it counts as such is no loss.
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&reply).map(|erased| erased == 1).ok_or_else(|| call.unreadable())
    }
}

impl RedisStore {
    fn place(&self, place: Place, shard: u16) -> String {
        match place {
            Place::Stream => self.keys.queue(shard, Queue::Events),
            Place::Delayed => self.keys.delayed(shard),
            Place::DeadLetters => self.keys.dead_letters(shard),
            Place::Quarantine => self.keys.queue(shard, Queue::Quarantine),
        }
    }

    async fn stream_page(
        &self,
        place: Place,
        from: Option<&str>,
        shards: u16,
        count: usize,
    ) -> Result<StoredPage, StoreError> {
        const ACTION: &str = "read what is kept";
        let after = from.and_then(Position::parse);
        let mut found = Vec::new();
        for shard in 0..shards {
            let page = Position::page(&self.place(place, shard), shard, Order::OldestFirst, after, count);
            let reply: Value = page
                .query_async(&mut self.connections.shared())
                .await
                .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
            let entries = Reply::new(reply).and_then(|reply| {
                reply.rest().map(|value| kept(value, place, shard)).collect::<Option<Vec<_>>>()
            });
            found.extend(entries.ok_or(StoreError::Unreadable { action: ACTION })?);
        }
        let more = found.len() >= count;
        let entries = merge(found, Order::OldestFirst, count);
        let next = entries.last().filter(|_| more).map(|last| last.position.clone());
        Ok(StoredPage { entries, next })
    }

    /// Shard after shard.
    async fn delayed_page(
        &self,
        from: Option<&str>,
        shards: u16,
        count: usize,
    ) -> Result<StoredPage, StoreError> {
        let (shard, cursor) = from.and_then(place_of_delayed).unwrap_or((0, "0"));
        let key = self.keys.delayed(shard);
        let keys = [key.as_str()];
        let call = DELAYED_PAGE.on(&keys).bytes(cursor).number(count as u64);
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        let (cursor, entries) = delayed(reply, shard).ok_or_else(|| call.unreadable())?;
        let next = match cursor.as_str() {
            "0" if shard + 1 < shards => Some(format!("{} 0", shard + 1)),
            "0" => None,
            cursor => Some(format!("{shard} {cursor}")),
        };
        Ok(StoredPage { entries, next })
    }
}

fn kept(value: Value, place: Place, shard: u16) -> Option<(Position, Stored)> {
    let mut reply = Reply::new(value)?;
    let position = Position::of(&reply.text()?, shard)?;
    let claim = Claim { position: position.to_string(), deliveries: 0 };
    let entry = entry(claim, reply.nested()?)?;
    let stored = Stored {
        place,
        position: entry.claim.position,
        id: entry.id,
        envelope: entry.envelope,
        raw: entry.raw,
    };
    Some((position, stored))
}

fn delayed(reply: Value, shard: u16) -> Option<(String, Vec<Stored>)> {
    let mut reply = Reply::new(reply)?;
    let cursor = reply.text()?;
    let stored = |value| {
        let mut reply = Reply::new(value)?;
        let id = reply.text()?;
        let (envelope, raw) = (reply.text()?, reply.bytes()?);
        Some(Stored {
            place: Place::Delayed,
            position: format!("{shard} {id}"),
            id,
            envelope,
            raw: raw.into(),
        })
    };
    let entries = reply.nested()?.rest().map(stored).collect::<Option<_>>()?;
    Some((cursor, entries))
}

/// `shard`, a blank, and a cursor or an event's id.
fn place_of_delayed(text: &str) -> Option<(u16, &str)> {
    let (shard, rest) = text.split_once(' ')?;
    Some((shard.parse().ok()?, rest))
}
