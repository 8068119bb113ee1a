//! `webhook-ingest` over HTTP: p99 at half of the load that 64 connections reach, against a bare handler's at the
//! same rate; and its memory over a million requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use benches::{Receiver, Sender, Signed, median, pacer, resident_kb};
use test_support::TestRedis;
use tokio::{sync::Semaphore, task::JoinSet};

const CONNECTIONS: usize = 64;
const LEG: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
/// More than a leg can use up.
const REQUESTS: u32 = 200_000;
/// Parts of the million, each on an empty Redis.
const PART: usize = 100_000;
const PARTS: usize = 10;

pub(crate) async fn run() -> anyhow::Result<()> {
    let redis = TestRedis::start().await;
    let ingest = Receiver::ingest(None, &redis.url(), 0, None).await?;
    let bare = Receiver::bare(None).await?;
    let signed = Arc::new(Signed::new(REQUESTS));

    let mut resident = Vec::new();
    let start = Instant::now();
    for part in 1..=PARTS {
        empty(&redis).await?;
        leg(&ingest, &signed, Pace::Requests(PART)).await?;
        resident.push(resident_kb(ingest.pid()?)?);
        println!("{} requests: {} MB resident", part * PART, resident[part - 1] / 1024);
    }
    let most = (PART * PARTS) as f64 / start.elapsed().as_secs_f64();
    let growth = resident[PARTS - 1] as f64 / resident[0] as f64;
    println!("memory after a million requests against the first {PART}: {growth:.2} (target: flat)");

    let (mut ours, mut yardstick) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let legs = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_bare in legs {
            empty(&redis).await?;
            let receiver = if is_bare { &bare } else { &ingest };
            let (achieved, p99) = leg(receiver, &signed, Pace::Rate(most / 2.0)).await?;
            let name = if is_bare { "bare handler" } else { "webhook-ingest" };
            println!("{name}: p99 {p99:.3} ms at {achieved:.0}/s");
            if is_bare { yardstick.push(p99) } else { ours.push(p99) }
        }
    }
    let (ours, yardstick) = (median(ours), median(yardstick));
    println!("half of {most:.0} requests a second: p99 {ours:.3} ms, bare handler {yardstick:.3} ms");
    println!("ratio latency {:.2} (target: at most 3)", ours / yardstick);
    Ok(())
}

async fn empty(redis: &TestRedis) -> anyhow::Result<()> {
    let () = redis::cmd("FLUSHALL").query_async(&mut redis.connection().await).await?;
    Ok(())
}

enum Pace {
    /// As many as can be, until so many are answered.
    Requests(usize),
    /// So many a second, for the time of a leg.
    Rate(f64),
}

/// Requests a second, and the 99th percentile in milliseconds.
async fn leg(receiver: &Receiver, signed: &Arc<Signed>, pace: Pace) -> anyhow::Result<(f64, f64)> {
    let mut senders = Vec::new();
    for _ in 0..CONNECTIONS {
        senders.push(Sender::connect(receiver.address()).await?);
    }
    let (start, sent) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let (due, pacer) = match pace {
        Pace::Requests(requests) => (Arc::new(Semaphore::new(requests)), None),
        Pace::Rate(rate) => {
            let due = Arc::new(Semaphore::new(0));
            (Arc::clone(&due), Some(pacer(due, rate, start, LEG)))
        }
    };
    let ends = pacer.is_none();
    let mut tasks = JoinSet::new();
    for mut sender in senders {
        let (due, sent, signed) = (Arc::clone(&due), Arc::clone(&sent), Arc::clone(signed));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let permit = if ends { due.try_acquire().ok() } else { due.acquire().await.ok() };
                let Some(permit) = permit else { return anyhow::Ok(latencies) };
                permit.forget();
                let before = Instant::now();
                let status = sender.send(signed.nth(sent.fetch_add(1, Ordering::Relaxed))).await?;
                ensure!(status == 200, "answered {status}");
                latencies.push(before.elapsed());
            }
        });
    }
    let mut all = Vec::new();
    while let Some(task) = tasks.join_next().await {
        all.extend(task??);
    }
    if let Some(pacer) = pacer {
        pacer.join().map_err(|_| anyhow::anyhow!("the pacer panicked"))?;
    }
    ensure!(all.len() <= signed.count(), "a leg needs more requests than are signed");
    all.sort_unstable();
    let achieved = all.len() as f64 / start.elapsed().as_secs_f64();
    Ok((achieved, all[all.len() * 99 / 100].as_secs_f64() * 1e3))
}
