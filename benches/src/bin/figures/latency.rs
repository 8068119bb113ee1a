//! p99 of `verify` at half of the load that 64 tasks reach, against PING's at the same rate on the same connection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use benches::{BENCH, WRONG, login, median, pacer};
use textproof::{Verdict, VerifyOptions, store::HealthStore as _};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::verifying::Side;

const CODES: u32 = 100_000;
const TASKS: usize = 64;
const LEG: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut side = Side::start(CODES).await?;
    let most = side.checks_a_second(LEG).await?;
    let rate = most / 2.0;
    let (mut ping, mut verify) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        side.renew().await?;
        let legs = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_ping in legs {
            let (achieved, p99) = leg(&side, rate, is_ping).await?;
            println!("{}: p99 {p99:.3} ms at {achieved:.0}/s", if is_ping { "PING" } else { "verify" });
            if is_ping { ping.push(p99) } else { verify.push(p99) }
        }
    }
    let (ping, verify) = (median(ping), median(verify));
    println!("half of {most:.0} checks a second: p99 {verify:.3} ms, PING {ping:.3} ms");
    println!("ratio latency {:.2} (target: at most 3)", verify / ping);
    Ok(())
}

async fn leg(side: &Side, rate: f64, is_ping: bool) -> anyhow::Result<(f64, f64)> {
    let (start, mut tasks) = (Instant::now(), JoinSet::new());
    let due = Arc::new(Semaphore::new(0));
    let pacer = pacer(Arc::clone(&due), rate, start, LEG);
    for _ in 0..TASKS {
        let due = Arc::clone(&due);
        let (otp, phones, store) = (side.otp.clone(), Arc::clone(&side.phones), Arc::clone(&side.store));
        tasks.spawn(async move {
            let login = login();
            let mut latencies = Vec::new();
            while start.elapsed() < LEG {
                let Ok(permit) = due.acquire().await else { break };
                permit.forget();
                let before = Instant::now();
                if is_ping {
                    store.ping().await?;
                } else {
                    let phone = &phones[rand::random_range(0..phones.len())];
                    let options = VerifyOptions { address: BENCH, ..VerifyOptions::default() };
                    let verdict = otp.verify(phone, &login, WRONG, options).await?;
                    ensure!(matches!(verdict, Verdict::Incorrect { .. }), "{verdict:?}");
                }
                latencies.push(before.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Vec::new();
    while let Some(task) = tasks.join_next().await {
        all.extend(task??);
    }
    pacer.join().map_err(|_| anyhow::anyhow!("the pacer panicked"))?;
    all.sort_unstable();
    let achieved = all.len() as f64 / start.elapsed().as_secs_f64();
    Ok((achieved, all[all.len() * 99 / 100].as_secs_f64() * 1e3))
}
