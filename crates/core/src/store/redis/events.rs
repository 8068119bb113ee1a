//! Event streams in Redis.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::{Cmd, ErrorKind, RedisResult, Value, aio::MultiplexedConnection};

use super::{
    RedisStore,
    connection::Connections,
    ms,
    node::MAX_BLOCK,
    reply::{Reply, number},
    route,
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
        let stream = self.keys.queue(Queue::Events);
        let mut route = self.connections.route(&stream);
        loop {
            let hop = route.next().await.map_err(|source| unavailable("open reader", source))?;
            // Detached from the pool: dropping it closes the socket, so that Redis forgets a read under way.
            let connection = hop.node.dedicated("open reader").await?;
            let connection = deadpool_redis::Connection::take(connection);
            let mut link = Link { connection, asking: hop.asking };
            match link.create_group(&stream, &member.group).await {
                Ok(()) => {
                    let connections = Arc::clone(&self.connections);
                    let member = member.clone();
                    return Ok(Box::new(StreamReader { link: Some(link), connections, stream, member }));
                }
                Err(error) if route.again(&hop, &error) => {}
                Err(source) => return Err(unavailable("create group", source)),
            }
        }
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
    link: Option<Link>,
    connections: Arc<Connections>,
    stream: String,
    member: GroupMember,
}

#[async_trait]
impl EventReader for StreamReader {
    async fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, StoreError> {
        const ACTION: &str = "read";
        let link = self.link.as_mut().ok_or(StoreError::NoConnection { action: ACTION })?;
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.member.group).arg(&self.member.consumer);
        command.arg("COUNT").arg(count).arg("BLOCK").arg(ms(block.min(MAX_BLOCK)).max(1));
        command.arg("STREAMS").arg(&self.stream).arg(">");
        let error = match link.send(&command).await {
            Ok(reply) => return read(reply).ok_or(StoreError::Unreadable { action: ACTION }),
            Err(error) if error.code() == Some("NOGROUP") => {
                tracing::warn!("the event stream or its consumer group was gone and is created again");
                match link.create_group(&self.stream, &self.member.group).await {
                    Ok(()) => return Ok(Vec::new()),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        self.link = None;
        // Where the slot has moved to, the next reader finds out.
        self.connections.doubt(&error);
        Err(unavailable(ACTION, error))
    }
}

/// A connection of one's own to the server that has the stream.
struct Link {
    connection: MultiplexedConnection,
    asking: bool,
}

impl Link {
    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        route::send(&mut self.connection, self.asking, command).await
    }

    /// Creates the group at the start of the stream, so that nothing published before is skipped.
    async fn create_group(&mut self, stream: &str, group: &str) -> RedisResult<()> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(stream).arg(group).arg("0").arg("MKSTREAM");
        match self.send(&command).await {
            Err(error) if error.kind() == ErrorKind::Extension && error.code() == Some("BUSYGROUP") => Ok(()),
            answer => answer.map(drop),
        }
    }
}

fn unavailable(action: &'static str, source: redis::RedisError) -> StoreError {
    StoreError::Unavailable { action, source }
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
