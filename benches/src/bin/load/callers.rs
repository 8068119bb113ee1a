//! Concurrent callers that call again as soon as they are answered, for a set time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::{task::JoinSet, time::timeout};

use crate::run::Leg;

/// Room for callers that are still waiting for an answer when the time is over.
const GRACE: Duration = Duration::from_secs(10);

/// One of many callers.
pub(crate) trait Caller: Send + 'static {
    /// Makes one call. Returns whether it took the path that is to be measured.
    fn call(&mut self) -> impl Future<Output = anyhow::Result<bool>> + Send;
}

/// Lets all callers run side by side for this long.
pub(crate) async fn drive<C: Caller>(callers: Vec<C>, length: Duration) -> anyhow::Result<Leg> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in callers {
        tasks.spawn(call_until(caller, start + length));
    }
    let mut latencies = Vec::new();
    while let Some(ended) =
        timeout(length + GRACE, tasks.join_next()).await.context("a caller waited too long for an answer")?
    {
        latencies.append(&mut ended??);
    }
    let elapsed = start.elapsed();
    ensure!(!latencies.is_empty(), "no call was answered");
    latencies.sort_unstable();
    Ok(Leg {
        per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
        p50_ms: percentile_ms(&latencies, 0.50),
        p99_ms: percentile_ms(&latencies, 0.99),
    })
}

/// Returns the latency of each call in nanoseconds.
async fn call_until(mut caller: impl Caller, end: Instant) -> anyhow::Result<Vec<u32>> {
    let mut latencies = Vec::with_capacity(1 << 16);
    let mut before = Instant::now();
    while before < end {
        // A call on another path costs something else, so the figure would be of nothing in particular.
        ensure!(caller.call().await?, "a call took another path than the measured one");
        let after = Instant::now();
        latencies.push(u32::try_from((after - before).as_nanos()).unwrap_or(u32::MAX));
        before = after;
    }
    Ok(latencies)
}

fn percentile_ms(sorted_ns: &[u32], share: f64) -> f64 {
    let last = sorted_ns.len() - 1;
    f64::from(sorted_ns[(last as f64 * share).round() as usize]) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_read_from_the_sorted_list() {
        let ns: Vec<u32> = (0..=100).map(|ms| ms * 1_000_000).collect();
        assert_eq!((percentile_ms(&ns, 0.5), percentile_ms(&ns, 0.99)), (50.0, 99.0));
        assert_eq!(percentile_ms(&[2_000_000], 0.99), 2.0);
    }
}
