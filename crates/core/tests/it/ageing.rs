//! Long waits are not slept: a store's clock is set, or a Redis is aged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use test_support::TestRedis;
use textproof::store::{MemoryStore, Store};

use crate::fixture::redis as redis_store;

/// A store whose time can be advanced.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    time: Time,
}

enum Time {
    /// As it goes by.
    Real,
    Clock(Arc<AtomicU64>),
    Aged(TestRedis),
}

impl World {
    pub(crate) fn in_memory() -> Self {
        let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
        let reading = Arc::clone(&clock);
        let store = Arc::new(MemoryStore::with_clock(move || reading.load(Ordering::SeqCst)));
        Self { store, time: Time::Clock(clock) }
    }

    pub(crate) async fn in_redis() -> Self {
        let server = TestRedis::start().await;
        Self { store: redis_store(&server), time: Time::Aged(server) }
    }

    /// A store whose time is left alone.
    pub(crate) fn unaged(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store), time: Time::Real }
    }

    pub(crate) async fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).expect("a short time");
        match &self.time {
            Time::Clock(clock) => {
                clock.fetch_add(by_ms, Ordering::SeqCst);
            }
            Time::Aged(server) => age(server, by_ms).await,
            Time::Real => panic!("real time cannot be advanced"),
        }
    }

    /// How far Redis's own time may have moved on between two steps, in milliseconds.
    pub(crate) fn tolerance_ms(&self) -> u64 {
        if matches!(self.time, Time::Clock(_)) { 0 } else { 5_000 }
    }
}

/// Declares one test per store for each body: `async fn body(world: World)`.
#[macro_export]
macro_rules! on_every_ageing_store {
    ($($body:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test] async fn $body() { super::$body($crate::ageing::World::in_memory()).await; })+
        }
        mod in_redis {
            $(#[tokio::test] async fn $body() {
                super::$body($crate::ageing::World::in_redis().await).await;
            })+
        }
    };
}

/// Makes it look as if `by_ms` had passed: ends come nearer, and the times in a phone's records move back.
async fn age(server: &TestRedis, by_ms: u64) {
    let mut connection = server.connection().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("KEYS answers");
    for key in keys {
        let left: i64 =
            redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.expect("PTTL answers");
        let by = i64::try_from(by_ms).expect("a short time");
        if left >= 0 && left <= by {
            let () = redis::cmd("DEL").arg(&key).query_async(&mut connection).await.expect("DEL answers");
            continue;
        }
        if left >= 0 {
            let mut expire = redis::cmd("PEXPIRE");
            let () = expire.arg(&key).arg(left - by).query_async(&mut connection).await.expect("it answers");
        }
        let kind = key.split_once('}').expect("a hash tag").1;
        if matches!(kind, ":w" | ":r") {
            let mut record: Vec<u8> =
                redis::cmd("GET").arg(&key).query_async(&mut connection).await.expect("GET answers");
            if kind == ":w" {
                age_sends(&mut record, by_ms);
            } else {
                age_each(&mut record, 12, 30, by_ms);
            }
            let mut set = redis::cmd("SET");
            let () = set
                .arg(&key)
                .arg(record)
                .arg("KEEPTTL")
                .query_async(&mut connection)
                .await
                .expect("it answers");
        } else if kind == ":f" {
            let fields: Vec<(String, Vec<u8>)> =
                redis::cmd("HGETALL").arg(&key).query_async(&mut connection).await.expect("HGETALL answers");
            for (purpose, mut field) in fields {
                age_each(&mut field[1..], 7, 13, by_ms);
                let mut set = redis::cmd("HSET");
                let () = set
                    .arg(&key)
                    .arg(purpose)
                    .arg(field)
                    .query_async(&mut connection)
                    .await
                    .expect("it answers");
            }
        }
    }
}

/// Header of 21 bytes, number of times, times; then the index, an end behind each kind.
fn age_sends(record: &mut [u8], by_ms: u64) {
    let times = usize::from(record[21]);
    for i in 0..times {
        age_time(&mut record[22 + i * 6..], by_ms);
    }
    let mut at = 22 + times * 6;
    while at < record.len() {
        age_time(&mut record[at + 1..], by_ms);
        at += 8 + usize::from(record[at + 7]);
    }
}

/// One time in each entry of `length` bytes.
fn age_each(record: &mut [u8], place: usize, length: usize, by_ms: u64) {
    for entry in record.chunks_mut(length) {
        age_time(&mut entry[place..], by_ms);
    }
}

/// Six bytes, big endian, milliseconds.
fn age_time(bytes: &mut [u8], by_ms: u64) {
    let time = bytes[..6].iter().fold(0, |time, byte| time << 8 | u64::from(*byte));
    bytes[..6].copy_from_slice(&time.saturating_sub(by_ms).to_be_bytes()[2..]);
}
