//! A backlog of a million: it drains, and the process is no larger at the end than at the start.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use benches::resident_kb;
use test_support::TestRedis;

use super::{
    draining,
    figures::{Figure, Figures},
};

const SAMPLED: Duration = Duration::from_millis(100);
/// Drained before the first sample, so that the allocator has what it takes.
const WARM_UP: u32 = 50_000;
/// Of what it was after the warm-up.
const FLAT: f64 = 1.25;

pub(crate) async fn run(figures: &mut Figures, events: u32) -> anyhow::Result<()> {
    let server = TestRedis::start().await;
    draining::fill(&server, WARM_UP).await?;
    draining::drain(&server, WARM_UP).await?;
    draining::fill(&server, events).await?;
    let own = std::process::id();
    let start = resident_kb(own)?;
    let over = Arc::new(AtomicBool::new(false));
    let watch = Arc::clone(&over);
    let sampler = tokio::spawn(async move {
        let mut peak = 0;
        while !watch.load(Ordering::Relaxed) {
            peak = resident_kb(own)?.max(peak);
            tokio::time::sleep(SAMPLED).await;
        }
        anyhow::Ok(peak)
    });
    let per_second = draining::drain(&server, events).await;
    over.store(true, Ordering::Relaxed);
    let peak = sampler.await??;
    let end = resident_kb(own)?;
    eprintln!("backlog of {events}: {:.0}/s", per_second?);
    let mb = |kb: u64| kb as f64 / 1024.0;
    figures.add(Figure::at_most("backlog, peak MB against the start", mb(peak), mb(start), Some(FLAT)));
    figures.add(Figure::at_most("backlog, MB at the end against the start", mb(end), mb(start), Some(FLAT)));
    Ok(())
}
