//! The alarm for failed checks of a whole tenant: slow guessing over many phones shows nowhere else.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Failed checks in one window that raise the alarm, on this host.
const FAILED_CHECKS: u32 = 1000;
const WINDOW: Duration = Duration::from_secs(300);

/// Counts the failed checks of this process. The fleet's sum is the metric
/// `textproof_otp_verdicts_total`, for an alert rule.
#[derive(Clone, Default)]
pub(super) struct FailedChecks(Arc<Mutex<Option<Window>>>);

struct Window {
    began: Instant,
    failed: u32,
}

impl FailedChecks {
    /// Counts one, and says so once in a window that reaches the threshold.
    pub(super) fn count(&self, tenant: &str) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let window = match &mut *window {
            Some(window) if now - window.began < WINDOW => window,
            other => other.insert(Window { began: now, failed: 0 }),
        };
        window.failed += 1;
        if window.failed == FAILED_CHECKS {
            metrics::counter!("textproof_otp_alarms_total", "alarm" => "failed_checks").increment(1);
            tracing::warn!(
                tenant,
                failed = window.failed,
                window_s = WINDOW.as_secs(),
                "unusually many failed checks: somebody may be guessing over many phones"
            );
        }
    }
}
