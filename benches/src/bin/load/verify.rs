//! `Otp::verify` with wrong codes: 64 callers, one shared connection, many live codes.
//!
//! Both sides check as many records, at random, and every check takes the same path: found, not a repeat,
//! a guess left, counted, compared, wrong. The records of the yardstick are copies of ours under names of
//! the same length. No code runs out, since every leg starts with all records back at 255 guesses.

use std::sync::Arc;

use anyhow::ensure;
use benches::{BENCH, WRONG, concurrently, failure_limits, login, otp, phone, redis_store, send};
use test_support::TestRedis;
use textproof::{
    Otp, PhoneNumber, Purpose, Verdict, VerifyOptions,
    policy::{FailureLimits, SendLimits},
    secret::PepperTag,
    store::{Check, Checked, CodeKey, CodeMacs, CodeStore, RedisStore, RequestId},
};

use crate::{
    args::Args,
    callers::{Caller, drive},
    records::Records,
    report::Report,
    run::order,
    yardstick::{RANDOM, ScriptCall, Yardstick},
};

const TARGET: f64 = 0.9;
/// No code has this MAC, but for a chance of one in 2^128.
const WRONG_MAC: [u8; 16] = [0xAA; 16];

/// Runs the legs.
pub(crate) async fn run(server: &TestRedis, args: &Args) -> anyhow::Result<Report> {
    let store = redis_store(server);
    let otp = otp(Arc::clone(&store) as _);
    let phones: Arc<[PhoneNumber]> = (0..args.keys).map(|n| phone(&otp, n)).collect();
    eprintln!("sending {} codes", args.keys);
    let (sender, receivers) = (otp.clone(), Arc::clone(&phones));
    concurrently(args.keys, move |n| {
        let (otp, phone) = (sender.clone(), receivers[n as usize].clone());
        async move { send(&otp, &phone).await }
    })
    .await;

    let mut connection = server.connection().await;
    let ours = Records::found(&mut connection).await?;
    ensure!(ours.names().len() == phones.len(), "{} codes are live", ours.names().len());
    let tag = ours.pepper_tag(&mut connection).await?;
    let names = (0..args.keys).map(|n| yardstick_name(&format!("{n:012}")));
    let theirs = ours.copied_to(&mut connection, names.collect()).await?;

    let yardstick = yardstick(server, args, tag).await?;
    let keys: Arc<[CodeKey]> = ours.keys()?.into();
    let sides = ["redis-benchmark -P 16", "Otp::verify", "CodeStore::check alone"];
    let mut report = Report::new("verify", TARGET, args, &sides);
    for side in order(sides.len(), args.rounds) {
        ours.renew(&mut connection).await?;
        theirs.renew(&mut connection).await?;
        let leg = match side {
            0 => yardstick.run().await?,
            1 => {
                let verifier = || Verifier { otp: otp.clone(), phones: Arc::clone(&phones), login: login() };
                drive(callers(args, verifier), args.leg()).await?
            }
            _ => {
                let checker = || Checker::new(&store, &keys, tag);
                drive(callers(args, checker), args.leg()).await?
            }
        };
        if side == 0 {
            theirs.assert_guesses_were_spent(&mut connection, yardstick.requests()).await?;
        }
        report.add(side, leg);
    }
    Ok(report)
}

/// The check script with the arguments that `CodeStore::check` gives it. The limits are read only when no
/// guess is left, so other bytes of the same length cost the same; the real ones hold NUL. The two random
/// keys are of different phones: the script reads the second one only when no guess is left.
async fn yardstick(server: &TestRedis, args: &Args, tag: PepperTag) -> anyhow::Result<Yardstick> {
    let of_phone = |kind| format!("tp1:{{0000000000{RANDOM}}}:{kind}");
    let (code, sends, failures, receipts) =
        (yardstick_name(RANDOM), of_phone("w"), of_phone("f"), of_phone("r"));
    let macs = [&tag.0[..], &WRONG_MAC].concat();
    // Quiet time, four waits and two windows of the default policy.
    let limits = [b'l'; 6 + 1 + 4 * 6 + 1 + 2 * 7];
    // A ceiling of 100 and as many free failures, as ours; then three durations that are never reached.
    let failure_limits = [&b"dd"[..], &[b'l'; 3 * 6]].concat();
    let call = ScriptCall {
        keys: &[&code, &sends, &failures, &receipts],
        arguments: &[
            RANDOM.as_bytes(),
            b"",
            &macs,
            &limits,
            &failure_limits,
            b"no-tag",
            b"120000",
            b"300000",
        ],
        random_below: args.keys,
    };
    Yardstick::of_script(server, "check", call, args.tasks, args.leg()).await
}

/// A name as ours are: twenty-two characters for the phone, of which twelve are digits that vary.
fn yardstick_name(digits: &str) -> String {
    format!("tp1:{{0000000000{digits}}}:c:login")
}

fn callers<C>(args: &Args, caller: impl Fn() -> C) -> Vec<C> {
    (0..args.tasks).map(|_| caller()).collect()
}

/// The whole way: fingerprint, MAC, script, verdict.
struct Verifier {
    otp: Otp,
    phones: Arc<[PhoneNumber]>,
    login: Purpose,
}

impl Caller for Verifier {
    async fn call(&mut self) -> anyhow::Result<bool> {
        let phone = &self.phones[rand::random_range(0..self.phones.len())];
        let options = VerifyOptions { address: BENCH, ..VerifyOptions::default() };
        let verdict = self.otp.verify(phone, &self.login, WRONG, options).await?;
        Ok(matches!(verdict, Verdict::Incorrect { .. }))
    }
}

/// The store's part: the script with arguments that are ready.
struct Checker {
    store: Arc<RedisStore>,
    keys: Arc<[CodeKey]>,
    macs: CodeMacs,
    limits: SendLimits,
    failures: FailureLimits,
}

impl Checker {
    fn new(store: &Arc<RedisStore>, keys: &Arc<[CodeKey]>, tag: PepperTag) -> Self {
        Self {
            store: Arc::clone(store),
            keys: Arc::clone(keys),
            macs: CodeMacs(vec![(tag, WRONG_MAC)]),
            limits: SendLimits::default(),
            failures: failure_limits(),
        }
    }
}

impl Caller for Checker {
    async fn call(&mut self) -> anyhow::Result<bool> {
        let check = Check {
            key: &self.keys[rand::random_range(0..self.keys.len())],
            request: RequestId::random(),
            handle: None,
            macs: self.macs.clone(),
            limits: &self.limits,
            failures: &self.failures,
            remember_used: std::time::Duration::from_secs(120),
            receipt_lifetime: std::time::Duration::from_secs(300),
        };
        Ok(matches!(self.store.check(&check).await?, Checked::Wrong { .. }))
    }
}
