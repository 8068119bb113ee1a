//! `CodeStore::reserve`: 64 callers, one shared connection, a new phone each time, so that every call takes the
//! whole path: no record, no sends, limits asked, both written. Each leg starts with an empty server.

use anyhow::ensure;
use benches::{Reserver, redis_store};
use test_support::TestRedis;
use textproof::store::RequestId;

use crate::{
    args::Args,
    callers::{Caller, drive},
    report::Report,
    run::order,
    yardstick::{RANDOM, ScriptCall, Yardstick},
};

const TARGET: f64 = 0.9;
/// Phones of the yardstick: so many that nearly every one is new.
const PHONES: u32 = 2_000_000_000;

/// Runs the legs.
pub(crate) async fn run(server: &TestRedis, args: &Args) -> anyhow::Result<Report> {
    let store = redis_store(server);
    let reserver = Reserver::new(&store);
    let yardstick = yardstick(server, args).await?;
    let mut connection = server.connection().await;
    let mut report = Report::new("reserve", TARGET, args, &["redis-benchmark -P 16", "CodeStore::reserve"]);
    for side in order(2, args.rounds) {
        let () = redis::cmd("FLUSHALL").query_async(&mut connection).await?;
        let leg = if side == 0 {
            yardstick.run().await?
        } else {
            let callers = (0..args.tasks).map(|_| Sender(reserver.clone())).collect();
            drive(callers, args.leg()).await?
        };
        report.add(side, leg);
        if side == 0 {
            // Two keys for each call that was granted to a new phone.
            let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
            let granted = keys / 2;
            let calls = yardstick.requests();
            ensure!(
                granted.abs_diff(calls) * 100 <= calls,
                "{granted} of {calls} calls took the measured path"
            );
        }
    }
    Ok(report)
}

struct Sender(Reserver);

impl Caller for Sender {
    async fn call(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.reserve(&self.0.phone(), RequestId::random()).await?)
    }
}

/// The reserve script as `CodeStore::reserve` calls it. Its limits are as many and as long in bytes as the
/// default ones, but no byte of them is NUL, which a command line cannot hold: years instead of seconds, which
/// for a new phone is the same path. The three keys are of one phone each; none of them is there.
async fn yardstick(server: &TestRedis, args: &Args) -> anyhow::Result<Yardstick> {
    let of_phone = |kind: &str| format!("tp1:{{0000000000{RANDOM}}}:{kind}");
    let (code, sends, failures) = (of_phone("c:login"), of_phone("w"), of_phone("f"));
    let year = [1u8; 6];
    let waits = [&[4u8][..], &year.repeat(4)].concat();
    let windows = [&[2u8, 5][..], &year, &[10], &year].concat();
    let limits = [&year[..], &waits, &windows].concat();
    let fresh = [&[8u8][..], b"be", &[b'n'; 6], &[b'h'; 6], &[b'm'; 16]].concat();
    let known = [&b"be"[..], &[b'm'; 16]].concat();
    let call = ScriptCall {
        keys: &[&code, &sends, &failures],
        arguments: &[
            RANDOM.as_bytes(),
            &limits,
            b"600000",
            b"5",
            &fresh,
            b"120000",
            &known,
            b"86400000",
            b"",
            b"0",
            b"100",
            b"3",
        ],
        random_below: PHONES,
    };
    Yardstick::of_script(server, "reserve", call, args.tasks, args.leg()).await
}
