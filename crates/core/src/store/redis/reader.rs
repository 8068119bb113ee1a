//! The blocking end of the event stream: a connection of its own for each reader.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value, aio::MultiplexedConnection};

use super::{
    connection::Connections,
    ms,
    node::{MAX_BLOCK, Node},
    reply::Reply,
    route,
};
use crate::store::{Claim, Entry, EventReader, Failures, GroupMember, StoreError};

pub(super) struct StreamReader {
    /// Taken out for good when a read fails: its reply may still be on the way.
    link: Option<Link>,
    connections: Arc<Connections>,
    stream: String,
    member: GroupMember,
}

impl StreamReader {
    /// Opens a connection to the server that owns the stream, and creates the group where it is missing.
    pub(super) async fn open(
        connections: Arc<Connections>,
        stream: String,
        member: GroupMember,
    ) -> Result<Self, StoreError> {
        let link = connect(&connections, &stream, &member.group).await?;
        Ok(Self { link: Some(link), connections, stream, member })
    }
}

#[async_trait]
impl EventReader for StreamReader {
    async fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, StoreError> {
        const ACTION: &str = "read";
        if self.link.as_ref().is_some_and(|link| self.connections.is_left(&link.node)) {
            // The server may still answer, and have nothing new for ever.
            self.link = Some(connect(&self.connections, &self.stream, &self.member.group).await?);
        }
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
        // Where the slot or the primary has gone to, the next reader finds out.
        if let Some(link) = self.link.take() {
            self.connections.doubt(&link.node, &error);
        }
        Err(unavailable(ACTION, error))
    }
}

async fn connect(connections: &Connections, stream: &str, group: &str) -> Result<Link, StoreError> {
    let mut route = connections.route(stream);
    loop {
        // Detached from the pool: dropping it closes the socket, so that Redis forgets a read under way.
        let (hop, connection) = route.dedicated("open reader").await?;
        let connection = deadpool_redis::Connection::take(connection);
        let mut link = Link { connection, asking: hop.asking, node: Arc::clone(&hop.node) };
        match link.create_group(stream, group).await {
            Ok(()) => return Ok(link),
            Err(error) if route.again(&hop, &error) => {}
            Err(source) => return Err(unavailable("create group", source)),
        }
    }
}

/// A connection of one's own to the server that has the stream.
struct Link {
    connection: MultiplexedConnection,
    asking: bool,
    node: Arc<Node>,
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

fn unavailable(action: &'static str, source: RedisError) -> StoreError {
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

/// Fields in any order; a field that a newer version added is skipped, a missing one is left empty so
/// that the entry can still be handed out and looked at.
pub(super) fn entry(claim: Claim, mut fields: Reply) -> Option<Entry> {
    let mut entry = Entry {
        id: String::new(),
        conflict: false,
        envelope: String::new(),
        raw: bytes::Bytes::new(),
        failures: Failures::default(),
        tried_since_ms: added_at_ms(&claim.position),
        claim,
    };
    while let (Some(name), Some(value)) = (fields.bytes(), fields.bytes()) {
        match name.as_slice() {
            b"i" => entry.id = String::from_utf8_lossy(&value).into_owned(),
            b"c" => entry.conflict = value == b"1",
            b"e" => entry.envelope = String::from_utf8_lossy(&value).into_owned(),
            b"r" => entry.raw = value.into(),
            b"a" => entry.failures.count = String::from_utf8_lossy(&value).parse().unwrap_or_default(),
            b"f" => entry.failures.first = String::from_utf8_lossy(&value).into_owned(),
            b"l" => entry.failures.last = String::from_utf8_lossy(&value).into_owned(),
            b"w" => {
                let since = String::from_utf8_lossy(&value).parse();
                entry.tried_since_ms = since.unwrap_or(entry.tried_since_ms);
            }
            _ => {}
        }
    }
    Some(entry)
}

/// A position starts with the time at which Redis took the entry.
fn added_at_ms(position: &str) -> u64 {
    position.split('-').next().and_then(|ms| ms.parse().ok()).unwrap_or_default()
}
