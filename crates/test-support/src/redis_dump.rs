//! Everything a Redis server holds, in the open, so that a test can search it for what must not be there.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value, cmd};

/// One key and everything in it.
#[derive(Debug, Clone)]
pub struct KeyDump {
    /// The key's name.
    pub key: Vec<u8>,
    /// `string`, `hash`, `list`, `set`, `zset` or `stream`.
    pub kind: String,
    /// Time to live; `None` for a key that never expires.
    pub ttl: Option<Duration>,
    /// Every value, field, member, score, entry id, group and consumer name, decompressed.
    pub contents: Vec<Vec<u8>>,
    /// The answer of DUMP: what would be in an RDB file.
    pub dump: Vec<u8>,
}

/// Every key of a server; see [`TestRedis::dump_all`](crate::TestRedis::dump_all).
#[derive(Debug, Clone)]
pub struct RedisDump {
    /// Sorted by name.
    pub keys: Vec<KeyDump>,
}

impl RedisDump {
    /// The names of the keys that hold `needle`, in their name or anywhere in their contents.
    pub fn find(&self, needle: impl AsRef<[u8]>) -> Vec<String> {
        let needle = needle.as_ref();
        self.names(|entry| {
            contains(&entry.key, needle)
                || contains(&entry.dump, needle)
                || entry.contents.iter().any(|content| contains(content, needle))
        })
    }

    /// The names of the keys that never expire.
    pub fn keys_without_ttl(&self) -> Vec<String> {
        self.names(|entry| entry.ttl.is_none())
    }

    fn names(&self, keep: impl Fn(&KeyDump) -> bool) -> Vec<String> {
        let kept = self.keys.iter().filter(|entry| keep(entry));
        kept.map(|entry| String::from_utf8_lossy(&entry.key).into_owned()).collect()
    }
}

/// True when `needle` stands somewhere in `haystack`; an empty needle is a mistake of the test.
pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    assert!(!needle.is_empty(), "searching for nothing finds it everywhere");
    haystack.windows(needle.len()).any(|window| window == needle)
}

pub(crate) async fn dump_all(connection: &mut MultiplexedConnection) -> RedisDump {
    let mut keys = Vec::new();
    for key in all_keys(connection).await {
        // None: the key expired, or was deleted, between SCAN and here.
        keys.extend(dump_key(connection, key).await);
    }
    RedisDump { keys }
}

async fn all_keys(connection: &mut MultiplexedConnection) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let (next, page): (u64, Vec<Vec<u8>>) =
            ask(connection, cmd("SCAN").arg(cursor).arg("COUNT").arg(1000)).await;
        found.extend(page);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    // SCAN may name a key twice.
    found.sort_unstable();
    found.dedup();
    found
}

async fn dump_key(connection: &mut MultiplexedConnection, key: Vec<u8>) -> Option<KeyDump> {
    let kind: String = ask(connection, cmd("TYPE").arg(&key)).await;
    let mut reading = Cmd::new();
    match kind.as_str() {
        "none" => return None,
        "string" => reading.arg("GET").arg(&key),
        "hash" => reading.arg("HGETALL").arg(&key),
        "list" => reading.arg("LRANGE").arg(&key).arg(0).arg(-1),
        "set" => reading.arg("SMEMBERS").arg(&key),
        "zset" => reading.arg("ZRANGE").arg(&key).arg(0).arg(-1).arg("WITHSCORES"),
        // Entries, groups, consumers and pending entries in one answer; COUNT 0 is "all of them".
        "stream" => reading.arg("XINFO").arg("STREAM").arg(&key).arg("FULL").arg("COUNT").arg(0),
        other => panic!("no way to read a {other}"),
    };
    let mut contents = Vec::new();
    flatten(ask(connection, &reading).await, &mut contents);
    let dump: Option<Vec<u8>> = ask(connection, cmd("DUMP").arg(&key)).await;
    let ttl: i64 = ask(connection, cmd("PTTL").arg(&key)).await;
    let ttl = match ttl {
        -2 => return None,
        -1 => None,
        left => Some(Duration::from_millis(left.unsigned_abs())),
    };
    Some(KeyDump { key, kind, ttl, contents, dump: dump? })
}

async fn ask<T: redis::FromRedisValue>(connection: &mut MultiplexedConnection, command: &Cmd) -> T {
    command.query_async(connection).await.unwrap_or_else(|error| panic!("dumping the test's Redis: {error}"))
}

fn flatten(value: Value, into: &mut Vec<Vec<u8>>) {
    match value {
        Value::Nil => {}
        Value::BulkString(bytes) => into.push(bytes),
        Value::Int(number) => into.push(number.to_string().into_bytes()),
        Value::SimpleString(text) => into.push(text.into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            values.into_iter().for_each(|value| flatten(value, into));
        }
        Value::Map(pairs) => {
            for (name, value) in pairs {
                flatten(name, into);
                flatten(value, into);
            }
        }
        other => panic!("an answer of an unknown kind: {other:?}"),
    }
}
