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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_room_comes_back() {
        let (behind, begun) = (Behind::default(), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Semaphore::new(0));
        let one = || {
            let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                let _ = gate.acquire().await;
            }
        };
        for _ in 0..AT_ONCE + 100 {
            behind.run("a test", one());
        }
        gate.close();
        // All permits are back when all that were taken have ended.
        let all = u32::try_from(AT_ONCE).unwrap();
        drop(behind.0.acquire_many(all).await.unwrap());
        assert_eq!(begun.load(Ordering::SeqCst), AT_ONCE);
        behind.run("a test", one());
        drop(behind.0.acquire_many(all).await.unwrap());
        assert_eq!(begun.load(Ordering::SeqCst), AT_ONCE + 1);
    }
}
