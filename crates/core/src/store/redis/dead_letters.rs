//! Dead letters in Redis; what a dead letter is made of stands in `lua/bury_event.lua`.

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::{
    RedisStore, ms,
    position::{Position, merge},
    reply::{Reply, number},
    script::REDRIVE,
};
use crate::store::{
    Backlog, DeadLetter, DeadLetterStore, Failures, Order, Queue, StoreError, events::MARK_KEPT,
};

#[async_trait]
impl DeadLetterStore for RedisStore {
    async fn dead_letters(
        &self,
        order: Order,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let shards = self.shards_to_look_in().await?;
        let after = match after.map(Position::parse) {
            Some(None) => return Ok(Vec::new()),
            after => after.flatten(),
        };
        let mut found = Vec::new();
        for shard in 0..shards {
            let page = Position::page(&self.keys.dead_letters(shard), shard, order, after, count);
            found.extend(self.letters(&page, shard).await?);
        }
        Ok(merge(found, order, count))
    }

    async fn dead_letter_at(&self, position: &str) -> Result<Option<DeadLetter>, StoreError> {
        let Some(position) = Position::parse(position) else { return Ok(None) };
        let range = position.range(&self.keys.dead_letters(position.shard));
        Ok(self.letters(&range, position.shard).await?.pop().map(|(_, letter)| letter))
    }

    async fn redrive(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        self.take_out(letter, true).await
    }

    async fn drop_dead_letter(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        self.take_out(letter, false).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let shards = self.shards_to_look_in().await?;
        let mut connection = self.connections.shared();
        let mut all = Backlog::default();
        for shard in 0..shards {
            all += self.backlog_of(shard, &mut connection).await?;
        }
        Ok(all)
    }
}

impl RedisStore {
    async fn letters(&self, range: &Cmd, shard: u16) -> Result<Vec<(Position, DeadLetter)>, StoreError> {
        const ACTION: &str = "read dead letters";
        let reply: Value = range
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
        let letters =
            Reply::new(reply).and_then(|reply| reply.rest().map(|value| letter(value, shard)).collect());
        letters.ok_or(StoreError::Unreadable { action: ACTION })
    }

    async fn take_out(&self, letter: &DeadLetter, back: bool) -> Result<bool, StoreError> {
        let Some(position) = Position::parse(&letter.position) else { return Ok(false) };
        let shard = position.shard;
        let keys = [
            self.keys.dead_letters(shard),
            self.keys.queue(shard, Queue::Events),
            self.keys.mark(shard, &letter.id),
        ];
        let keys = keys.each_ref().map(String::as_str);
        let call = REDRIVE.on(&keys).bytes(position.entry()).number(ms(MARK_KEPT)).number(u64::from(back));
        // Not repeated after a lost reply: the caller is told, and doing it again finds it gone.
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|done| done == 1).ok_or_else(|| call.unreadable())
    }
}

fn letter(value: Value, shard: u16) -> Option<(Position, DeadLetter)> {
    let mut reply = Reply::new(value)?;
    let position = Position::of(&reply.text()?, shard)?;
    let mut letter = DeadLetter {
        position: position.to_string(),
        id: String::new(),
        reason: String::new(),
        starts: 0,
        failures: Failures::default(),
        envelope: String::new(),
        raw: bytes::Bytes::new(),
    };
    let mut fields = reply.nested()?;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    while let (Some(name), Some(value)) = (fields.bytes(), fields.bytes()) {
        match name.as_slice() {
            b"i" => letter.id = text(&value),
            b"w" => letter.reason = text(&value),
            b"n" => letter.starts = text(&value).parse().unwrap_or_default(),
            b"a" => letter.failures.count = text(&value).parse().unwrap_or_default(),
            b"f" => letter.failures.first = text(&value),
            b"l" => letter.failures.last = text(&value),
            b"e" => letter.envelope = text(&value),
            b"r" => letter.raw = value.into(),
            _ => {}
        }
    }
    Some((position, letter))
}
