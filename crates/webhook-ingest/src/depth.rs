//! How many events wait on the stream: beyond a limit nothing more is put there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use textproof::store::{EventStore, Queue};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// How often the store is asked. Between two answers a stream can grow beyond the limit by what arrives meanwhile.
const EVERY: Duration = Duration::from_secs(1);

/// Whether the stream has as many events as it may have.
#[derive(Debug)]
pub struct StreamDepth {
    limit: u64,
    full: AtomicBool,
}

impl StreamDepth {
    /// At most `limit` events; 0 is no limit.
    #[must_use]
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, full: AtomicBool::new(false) })
    }

    /// Whether the limit was reached when the store was last asked.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Asks the store once a second until `shutdown`.
    pub async fn watch(self: Arc<Self>, store: Arc<dyn EventStore>, shutdown: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            self.ask(store.as_ref()).await;
        }
    }

    /// Asks the store now. While it does not answer, the last answer stands.
    pub async fn ask(&self, store: &dyn EventStore) {
        let Ok(Ok(depth)) = timeout(EVERY, store.depth(Queue::Events)).await else { return };
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("textproof_stream_depth").set(depth as f64);
        let full = self.limit > 0 && depth >= self.limit;
        if self.full.swap(full, Ordering::Relaxed) != full {
            match full {
                true => tracing::error!(
                    depth,
                    limit = self.limit,
                    "the event stream is full: are workers running?"
                ),
                false => tracing::info!(depth, limit = self.limit, "the event stream has room again"),
            }
        }
    }
}
