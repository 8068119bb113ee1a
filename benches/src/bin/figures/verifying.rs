//! Wrong guesses at live codes, from many tasks for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use benches::{BENCH, WRONG, concurrently, login, otp, phone, redis_store, send};
use test_support::TestRedis;
use textproof::{Otp, PhoneNumber, Verdict, VerifyOptions, store::RedisStore};
use tokio::task::JoinSet;

const TASKS: usize = 64;

/// A server with so many live codes.
pub(crate) struct Side {
    _server: TestRedis,
    pub(crate) store: Arc<RedisStore>,
    pub(crate) otp: Otp,
    pub(crate) phones: Arc<[PhoneNumber]>,
    connection: redis::aio::MultiplexedConnection,
}

impl Side {
    pub(crate) async fn start(codes: u32) -> anyhow::Result<Self> {
        let server = TestRedis::start().await;
        let store = redis_store(&server);
        let otp = otp(Arc::clone(&store) as _);
        let phones: Arc<[PhoneNumber]> = (0..codes).map(|n| phone(&otp, n)).collect();
        let connection = server.connection().await;
        let side = Self { _server: server, store, otp, phones, connection };
        side.send_all().await;
        Ok(side)
    }

    async fn send_all(&self) {
        let (otp, phones) = (self.otp.clone(), Arc::clone(&self.phones));
        concurrently(u32::try_from(phones.len()).expect("at most a million"), move |n| {
            let (otp, phone) = (otp.clone(), phones[n as usize].clone());
            async move { send(&otp, &phone).await }
        })
        .await;
    }

    /// Every code back at 255 guesses, no phone with a failure: no check runs into a limit.
    pub(crate) async fn renew(&mut self) -> anyhow::Result<()> {
        let script = "local unused = string.char(255) .. string.rep('\\0', 12) \
                      for _, key in ipairs(KEYS) do redis.call('SETRANGE', key, 1, unused) \
                      redis.call('DEL', key:match('^[^}]*}') .. ':f') end";
        let mut cursor = 0u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg("tp1:{*}:c:login").arg("COUNT").arg(2_000);
            let (next, keys): (u64, Vec<String>) = scan.query_async(&mut self.connection).await?;
            if !keys.is_empty() {
                let mut renew = redis::cmd("EVAL");
                let () =
                    renew.arg(script).arg(keys.len()).arg(keys).query_async(&mut self.connection).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Checks a second over `length`.
    pub(crate) async fn checks_a_second(&self, length: Duration) -> anyhow::Result<f64> {
        let (start, mut tasks) = (Instant::now(), JoinSet::new());
        for _ in 0..TASKS {
            let (otp, phones) = (self.otp.clone(), Arc::clone(&self.phones));
            tasks.spawn(async move {
                let (login, mut done) = (login(), 0u64);
                while start.elapsed() < length {
                    let phone = &phones[rand::random_range(0..phones.len())];
                    let options = VerifyOptions { address: BENCH, ..VerifyOptions::default() };
                    let verdict = otp.verify(phone, &login, WRONG, options).await?;
                    ensure!(matches!(verdict, Verdict::Incorrect { .. }), "{verdict:?}");
                    done += 1;
                }
                anyhow::Ok(done)
            });
        }
        let mut done = 0;
        while let Some(task) = tasks.join_next().await {
            done += task??;
        }
        Ok(done as f64 / start.elapsed().as_secs_f64())
    }
}
