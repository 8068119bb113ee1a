//! Work that nobody waits for: counting and giving back behind an answer. Bounded, and droppable.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tracing::Instrument;

/// Tasks at once; above it, a count is lost rather than memory.
const AT_ONCE: usize = 1024;

/// Runs small tasks behind answers.
#[derive(Clone)]
pub(super) struct Behind(Arc<Semaphore>);

impl Default for Behind {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Behind {
    /// Runs `task`, whose every wait has a deadline of its own, or drops it when too many are under way.
    pub(super) fn run(&self, what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            metrics::counter!("textproof_otp_dropped_total", "what" => what).increment(1);
            return;
        };
        let task = async move {
            task.await;
            drop(permit);
        };
        tokio::spawn(task.in_current_span());
    }
}
