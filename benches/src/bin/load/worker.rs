//! The worker's engine with a handler that does nothing: drain, latency, memory and rest, each beside its yardstick.

mod backlog;
mod bullmq;
mod draining;
mod effect;
mod engine;
mod figures;
mod idle;
mod raw;

use anyhow::Context as _;
use benches::median;
use test_support::TestRedis;

use self::figures::{Figure, Figures};
use crate::{args::Args, run::order};

/// What the raw loop did on the quiet machine on which an earlier BullMQ did [`BULLMQ_ON_A_QUIET_MACHINE`].
const RAW_ON_A_QUIET_MACHINE: f64 = 99_000.0;
const BULLMQ_ON_A_QUIET_MACHINE: f64 = 10_000.0;

/// Runs all parts, one after the other.
pub(crate) async fn run(args: &Args) -> anyhow::Result<Figures> {
    let mut figures = Figures::start();
    let server = TestRedis::start().await;
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for side in order(2, args.rounds) {
        draining::fill(&server, args.events).await?;
        if side == 0 {
            let per_second = raw::drain(&server, args.events).await?;
            eprintln!("raw loop: {per_second:.0}/s");
            raw.push(per_second);
        } else {
            let per_second = draining::drain(&server, args.events).await?;
            eprintln!("worker: {per_second:.0}/s");
            ours.push(per_second);
        }
    }
    let (raw, ours) = (median(raw), median(ours));
    figures.add(Figure::at_least("drain, events/s, against the raw loop", ours, raw, 0.85));
    let published = BULLMQ_ON_A_QUIET_MACHINE * raw / RAW_ON_A_QUIET_MACHINE;
    figures.add(Figure::at_least(
        "drain, events/s, against 10,000 scaled by the raw loop",
        ours,
        published,
        5.0,
    ));
    if let Some(bullmq) = bullmq::drain().await? {
        figures.add(Figure::at_least("drain, events/s, against BullMQ in this run", ours, bullmq, 5.0));
    }
    let (effect, ping) = effect::run(args).await?;
    figures.add(Figure::at_most(
        "publish to effect, p50 ms, against PING's",
        effect.p50_ms,
        ping.p50_ms,
        None,
    ));
    figures.add(Figure::at_most(
        "publish to effect, p99 ms, against PING's",
        effect.p99_ms,
        ping.p99_ms,
        Some(10.0),
    ));
    backlog::run(&mut figures, args.backlog).await.context("the backlog")?;
    for shards in [1, 4] {
        figures.add(idle::run(shards).await?);
    }
    Ok(figures)
}
