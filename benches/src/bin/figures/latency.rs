//! p99 of `verify` at half of the load that 64 tasks reach, against PING's at the same rate on the same connection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use benches::{BENCH, WRONG, login};
use textproof::{Verdict, VerifyOptions, store::HealthStore as _};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::verifying::Side;

const CODES: u32 = 100_000;
const TASKS: u32 = 64;
const LEG: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut side = Side::start(CODES).await?;
    let most = side.checks_a_second(LEG).await?;
    let pace = Duration::from_secs_f64(f64::from(TASKS) / (most / 2.0));
    let (mut ping, mut verify) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        side.renew().await?;
        let legs = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_ping in legs {
            let (achieved, p99) = leg(&side, pace, is_ping).await?;
            println!("{}: p99 {p99:.3} ms at {achieved:.0}/s", if is_ping { "PING" } else { "verify" });
            if is_ping { ping.push(p99) } else { verify.push(p99) }
        }
    }
    let (ping, verify) = (median(ping), median(verify));
    println!("half of {most:.0} checks a second: p99 {verify:.3} ms, PING {ping:.3} ms");
    println!("ratio latency {:.2} (target: at most 3)", verify / ping);
    Ok(())
}

async fn leg(side: &Side, pace: Duration, is_ping: bool) -> anyhow::Result<(f64, f64)> {
    let (start, mut tasks) = (Instant::now(), JoinSet::new());
    for _ in 0..TASKS {
        let (otp, phones, store) = (side.otp.clone(), Arc::clone(&side.phones), Arc::clone(&side.store));
        tasks.spawn(async move {
            let login = login();
            let mut ticks = interval(pace);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut latencies = Vec::new();
            while start.elapsed() < LEG {
                ticks.tick().await;
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
    all.sort_unstable();
    let achieved = all.len() as f64 / start.elapsed().as_secs_f64();
    Ok((achieved, all[all.len() * 99 / 100].as_secs_f64() * 1e3))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
