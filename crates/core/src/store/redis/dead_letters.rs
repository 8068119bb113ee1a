//! Dead letters in Redis; what a dead letter is made of stands in `lua/bury_event.lua`.

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::{
    RedisStore, ms,
    quarantine::{entry_at, range},
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
        match range(&self.keys.dead_letters(), order, after, count) {
            Some(range) => self.letters(&range).await,
            None => Ok(Vec::new()),
        }
    }

    async fn dead_letter_at(&self, position: &str) -> Result<Option<DeadLetter>, StoreError> {
        match entry_at(&self.keys.dead_letters(), position) {
            Some(range) => Ok(self.letters(&range).await?.pop()),
            None => Ok(None),
        }
    }

    async fn redrive(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        self.take_out(letter, true).await
    }

    async fn drop_dead_letter(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        self.take_out(letter, false).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("XLEN")
            .arg(self.keys.queue(Queue::Events))
            .cmd("ZCARD")
            .arg(self.keys.due())
            .cmd("XLEN")
            .arg(self.keys.dead_letters())
            .cmd("XLEN")
            .arg(self.keys.queue(Queue::Quarantine));
        let (events, delayed, dead_letters, quarantined) = pipeline
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "backlog", source })?;
        Ok(Backlog { events, delayed, dead_letters, quarantined })
    }
}

impl RedisStore {
    async fn letters(&self, range: &Cmd) -> Result<Vec<DeadLetter>, StoreError> {
        const ACTION: &str = "read dead letters";
        let reply: Value = range
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
        let letters = Reply::new(reply).and_then(|reply| reply.rest().map(letter).collect());
        letters.ok_or(StoreError::Unreadable { action: ACTION })
    }

    async fn take_out(&self, letter: &DeadLetter, back: bool) -> Result<bool, StoreError> {
        let keys = [self.keys.dead_letters(), self.keys.queue(Queue::Events), self.keys.mark(&letter.id)];
        let keys = keys.each_ref().map(String::as_str);
        let call =
            REDRIVE.on(&keys).bytes(letter.position.as_str()).number(ms(MARK_KEPT)).number(u64::from(back));
        // Not repeated after a lost reply: the caller is told, and doing it again finds it gone.
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|done| done == 1).ok_or_else(|| call.unreadable())
    }
}

fn letter(value: Value) -> Option<DeadLetter> {
    let mut reply = Reply::new(value)?;
    let position = reply.text()?;
    let mut letter = DeadLetter {
        position,
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
    Some(letter)
}
