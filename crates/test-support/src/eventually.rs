//! Waiting for conditions instead of sleeping.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Asks again, at growing intervals of 1 to 50 ms, until the condition answers `Some`, and returns what it
/// answered. A single question that hangs is cut at the deadline too.
///
/// # Panics
/// When the deadline passes, with `what` in the message: "gave up after 5s: the worker is ready".
pub async fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    let mut pause = FIRST_PAUSE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // One question is always asked, even with a deadline of zero.
        match timeout(left.max(FIRST_PAUSE), condition()).await {
            Ok(Some(answer)) => return answer,
            Ok(None) if !left.is_zero() => sleep(pause.min(left)).await,
            _ => panic!("gave up after {deadline:?}: {what}"),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// [`eventually`] for conditions that answer yes or no.
///
/// # Panics
/// When the deadline passes.
pub async fn eventually_true(deadline: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    eventually(deadline, what, async || condition().await.then_some(())).await;
}
