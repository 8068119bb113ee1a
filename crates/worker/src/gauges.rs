//! What the fleet has to do, as gauges: for alarms, and for an autoscaler.

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use textproof::store::{Backlog, Detail, GroupState, GroupStore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often the store is asked, in seconds; at random, so that processes do not ask in step. One call for each shard:
/// with it an idle process still asks less than twice a second.
const EVERY: std::ops::Range<f64> = 8.0..12.0;
/// A store that has not answered by then is asked again later.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the store every ten seconds or so until `shutdown`. While it does not answer, the last answer stands.
///
/// Every process of a fleet says the same of the one Redis: take the maximum over them, never the sum.
pub async fn report(store: Arc<dyn GroupStore>, group: String, shutdown: CancellationToken) {
    loop {
        let asked = timeout(PATIENCE, store.group_states(&group, Detail::default()));
        match shutdown.run_until_cancelled(asked).await {
            None => return,
            Some(Ok(Ok(states))) => set(&states),
            Some(Ok(Err(_)) | Err(_)) => {}
        }
        let pause = Duration::from_secs_f64(rand::rng().random_range(EVERY));
        if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn set(states: &[GroupState]) {
    let mut backlog = Backlog::default();
    for state in states {
        backlog += state.backlog;
    }
    let pending: u64 = states.iter().map(|state| state.pending).sum();
    let consumers = states.iter().map(|state| state.consumer_count).max().unwrap_or_default();
    let oldest = states.iter().filter_map(|state| state.oldest).max().unwrap_or_default();
    metrics::gauge!("textproof_stream_depth").set(backlog.events as f64);
    metrics::gauge!("textproof_stream_oldest_age_seconds").set(oldest.as_secs_f64());
    metrics::gauge!("textproof_stream_pending").set(pending as f64);
    metrics::gauge!("textproof_stream_delayed").set(backlog.delayed as f64);
    metrics::gauge!("textproof_stream_consumers").set(consumers as f64);
    metrics::gauge!("textproof_dead_letters").set(backlog.dead_letters as f64);
    metrics::gauge!("textproof_quarantined").set(backlog.quarantined as f64);
}
