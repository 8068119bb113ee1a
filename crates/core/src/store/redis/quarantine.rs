//! The quarantine in Redis.

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::{
    RedisStore, ms,
    reader::entry,
    reply::{Reply, number},
    script::LET_GO,
};
use crate::store::{Claim, Kept, Order, QuarantineStore, Queue, StoreError, events::MARK_KEPT};

const ACTION: &str = "read quarantine";

#[async_trait]
impl QuarantineStore for RedisStore {
    async fn kept(&self, order: Order, after: Option<&str>, count: usize) -> Result<Vec<Kept>, StoreError> {
        let stream = self.keys.queue(Queue::Quarantine);
        let Some(range) = range(&stream, order, after, count) else { return Ok(Vec::new()) };
        self.entries(&range).await
    }

    async fn kept_at(&self, position: &str) -> Result<Option<Kept>, StoreError> {
        match entry_at(&self.keys.queue(Queue::Quarantine), position) {
            Some(range) => Ok(self.entries(&range).await?.pop()),
            None => Ok(None),
        }
    }

    async fn let_go(&self, kept: &Kept) -> Result<bool, StoreError> {
        let (stream, mark) = (self.keys.queue(Queue::Quarantine), self.keys.mark(&kept.id));
        let keys = [stream.as_str(), mark.as_str()];
        let call = LET_GO.on(&keys).bytes(kept.position.as_str()).number(ms(MARK_KEPT));
        // A repeat finds it gone and marks it again: only who removed it is told so, which is no verdict.
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&reply).map(|removed| removed == 1).ok_or_else(|| call.unreadable())
    }
}

impl RedisStore {
    async fn entries(&self, range: &Cmd) -> Result<Vec<Kept>, StoreError> {
        let reply: Value = range
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
        let entries = Reply::new(reply).and_then(|reply| reply.rest().map(kept).collect());
        entries.ok_or(StoreError::Unreadable { action: ACTION })
    }
}

/// The command for a page of a stream; none when `after` is no position.
pub(super) fn range(stream: &str, order: Order, after: Option<&str>, count: usize) -> Option<Cmd> {
    if after.is_some_and(|after| !is_position(after)) {
        return None;
    }
    let beyond = after.map(|after| format!("({after}"));
    let (command, first, last) = match order {
        Order::NewestFirst => ("XREVRANGE", beyond.as_deref().unwrap_or("+"), "-"),
        Order::OldestFirst => ("XRANGE", beyond.as_deref().unwrap_or("-"), "+"),
    };
    let mut range = redis::cmd(command);
    range.arg(stream).arg(first).arg(last).arg("COUNT").arg(count);
    Some(range)
}

/// The command for one entry; none when `position` is none.
pub(super) fn entry_at(stream: &str, position: &str) -> Option<Cmd> {
    let mut range = redis::cmd("XRANGE");
    range.arg(stream).arg(position).arg(position);
    is_position(position).then_some(range)
}

fn kept(value: Value) -> Option<Kept> {
    let mut reply = Reply::new(value)?;
    let claim = Claim { position: reply.text()?, deliveries: 0 };
    let entry = entry(claim, reply.nested()?)?;
    Some(Kept { position: entry.claim.position, id: entry.id, envelope: entry.envelope, raw: entry.raw })
}

/// `milliseconds-sequence`. Half a position would be a range.
fn is_position(text: &str) -> bool {
    let number = |part: &str| part.parse::<u64>().is_ok() && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('-').is_some_and(|(ms, sequence)| number(ms) && number(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_two_numbers() {
        for (text, good) in [
            ("1764120000000-0", true),
            ("0-18446744073709551615", true),
            ("1764120000000", false),
            ("-", false),
            ("+", false),
            ("(1-1", false),
            ("+1-1", false),
            ("1-1-1", false),
            ("1-18446744073709551616", false),
        ] {
            assert_eq!(is_position(text), good, "{text}");
        }
    }
}
