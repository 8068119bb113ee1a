//! What the spool holds, for operators and metrics.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::{Spool, file::Totals};

/// How often the gauges are set.
const EVERY: Duration = Duration::from_secs(5);

/// What the spool holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolReport {
    /// Events that wait for the store.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest was appended, in milliseconds since the Unix epoch, by this host's clock.
    pub oldest_at_ms: Option<u64>,
    /// Entries that this version could not read; they are kept aside.
    pub unreadable: u64,
    /// Why the last event was refused, if it was: `bytes`, `age` or `disk`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refusing: Option<String>,
}

impl From<Totals> for SpoolReport {
    fn from(totals: Totals) -> Self {
        Self {
            events: totals.entries,
            bytes: totals.bytes,
            oldest_at_ms: totals.oldest_at_ms,
            unreadable: totals.unreadable,
            refusing: None,
        }
    }
}

impl SpoolReport {
    /// Age of the oldest event at a time in milliseconds since the Unix epoch; none when nothing waits.
    #[must_use]
    pub fn oldest_age_ms(&self, now_ms: u64) -> Option<u64> {
        self.oldest_at_ms.map(|at| now_ms.saturating_sub(at))
    }
}

impl Spool {
    /// Sets the gauges of events, bytes, age and unreadable entries until `shutdown`.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub async fn observe(self, shutdown: CancellationToken) {
        let mut ticks = interval(EVERY);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let report = self.report();
            let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
            let age_ms = report.oldest_age_ms(now_ms).unwrap_or_default();
            metrics::gauge!("textproof_spool_events").set(report.events as f64);
            metrics::gauge!("textproof_spool_bytes").set(report.bytes as f64);
            metrics::gauge!("textproof_spool_oldest_age_seconds").set(age_ms as f64 / 1000.0);
            metrics::gauge!("textproof_spool_unreadable").set(report.unreadable as f64);
        }
    }
}
