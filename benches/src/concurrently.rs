//! Preparing much in little time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

/// Enough to keep a pipelined connection full.
const TASKS: u32 = 256;
const DEADLINE: Duration = Duration::from_secs(120);

/// Calls `step` with every number below `count`, many at once.
///
/// # Panics
/// When a step panics, or all of them take longer than two minutes.
pub async fn concurrently<F>(count: u32, step: impl Fn(u32) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let next = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS.min(count) {
        let (next, step) = (Arc::clone(&next), step.clone());
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    break;
                }
                step(n).await;
            }
        });
    }
    timeout(DEADLINE, tasks.join_all()).await.expect("the preparation ends in time");
}
