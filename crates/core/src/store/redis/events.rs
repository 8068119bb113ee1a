//! Event streams in Redis.

use std::time::Duration;

use async_trait::async_trait;
use redis::{
    ErrorKind, RedisError, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

use super::{
    RedisStore,
    connection::MAX_BLOCK,
    ms,
    reply::{Reply, number},
    script::{GIVE_BACK, PUBLISH, RETIRE, SETTLE_EVENT, SWEEP},
};
use crate::store::{
    Claim, Entry, EventReader, EventStore, GroupMember, Publish, Published, Queue, StoreError, Swept,
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
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        match number(&reply) {
            Some(1) => Ok(Published::New),
            Some(2) => Ok(Published::Duplicate),
            Some(3) => Ok(Published::Conflict),
            Some(4) => Ok(Published::Healed),
            _ => Err(call.unreadable()),
        }
    }

    async fn reader(&self, member: &GroupMember) -> Result<Box<dyn EventReader>, StoreError> {
        // Detached from the pool: dropping it closes the socket, so that Redis forgets a read under way.
        let connection = self.connections.dedicated("open reader").await?;
        let mut connection = deadpool_redis::Connection::take(connection);
        let stream = self.keys.queue(Queue::Events);
        create_group(&mut connection, &stream, &member.group).await?;
        Ok(Box::new(StreamReader { connection: Some(connection), stream, member: member.clone() }))
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

struct StreamReader {
    /// Taken out for good when a read fails: its reply may still be on the way.
    connection: Option<MultiplexedConnection>,
    stream: String,
    member: GroupMember,
}

#[async_trait]
impl EventReader for StreamReader {
    async fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, StoreError> {
        const ACTION: &str = "read";
        let unavailable = |source| StoreError::Unavailable { action: ACTION, source };
        let connection = self.connection.as_mut().ok_or(StoreError::NoConnection { action: ACTION })?;
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.member.group).arg(&self.member.consumer);
        command.arg("COUNT").arg(count).arg("BLOCK").arg(ms(block.min(MAX_BLOCK)).max(1));
        command.arg("STREAMS").arg(&self.stream).arg(">");
        match command.query_async::<Value>(connection).await {
            Ok(reply) => read(reply).ok_or(StoreError::Unreadable { action: ACTION }),
            Err(error) if error.code() == Some("NOGROUP") => {
                tracing::warn!("the event stream or its consumer group was gone and is created again");
                create_group(connection, &self.stream, &self.member.group).await?;
                Ok(Vec::new())
            }
            Err(error) => {
                self.connection = None;
                Err(unavailable(error))
            }
        }
    }
}

/// Creates the group at the start of the stream, so that nothing published before is skipped.
async fn create_group(
    connection: &mut impl ConnectionLike,
    stream: &str,
    group: &str,
) -> Result<(), StoreError> {
    let mut command = redis::cmd("XGROUP");
    command.arg("CREATE").arg(stream).arg(group).arg("0").arg("MKSTREAM");
    let answer: Result<(), RedisError> = command.query_async(connection).await;
    match answer {
        Err(error) if error.kind() == ErrorKind::Extension && error.code() == Some("BUSYGROUP") => Ok(()),
        answer => answer.map_err(|source| StoreError::Unavailable { action: "create group", source }),
    }
}

/// `[[stream, [[position, fields], …]]]`, or nil when nothing came.
fn read(reply: Value) -> Option<Vec<Entry>> {
    if matches!(reply, Value::Nil) {
        return Some(Vec::new());
    }
    let mut streams = Reply::new(reply)?;
    let mut stream = streams.nested()?;
    stream.text()?;
    stream.nested()?.rest().map(|value| new_entry(Reply::new(value)?)).collect()
}

fn new_entry(mut reply: Reply) -> Option<Entry> {
    let claim = Claim { position: reply.text()?, deliveries: 1 };
    entry(claim, reply.nested()?)
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

/// Fields in any order; a field that a newer version added is skipped, a missing one is left empty so
/// that the entry can still be handed out and looked at.
fn entry(claim: Claim, mut fields: Reply) -> Option<Entry> {
    let mut entry = Entry {
        id: String::new(),
        conflict: false,
        envelope: String::new(),
        raw: bytes::Bytes::new(),
        claim,
    };
    while let (Some(name), Some(value)) = (fields.bytes(), fields.bytes()) {
        match name.as_slice() {
            b"i" => entry.id = String::from_utf8_lossy(&value).into_owned(),
            b"c" => entry.conflict = value == b"1",
            b"e" => entry.envelope = String::from_utf8_lossy(&value).into_owned(),
            b"r" => entry.raw = value.into(),
            _ => {}
        }
    }
    Some(entry)
}
