//! Saying once what would be said a thousand times.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const QUIET: Duration = Duration::from_secs(10);

/// Lets one line pass every ten seconds; the metric counts them all.
#[derive(Debug, Default)]
pub(super) struct Sparing(Mutex<Option<Instant>>);

impl Sparing {
    /// Whether it is time for a line again. True begins the next ten seconds.
    pub(super) fn may_speak(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= QUIET);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_warning_is_written_once_in_ten_seconds() {
        let sparing = Sparing::default();
        assert!(sparing.may_speak());
        tokio::time::advance(QUIET - Duration::from_millis(1)).await;
        assert!(!sparing.may_speak());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(sparing.may_speak() && !sparing.may_speak());
    }
}
