//! How long a send takes: a suppressed one lasts as long as one that was just made.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::RngExt;
use tokio::time::Instant;

/// Sends that are remembered.
const REMEMBERED: usize = 64;
/// Before the first send of this process: what a gateway across a country takes.
const UNKNOWN: std::ops::Range<u64> = 250..600;

/// The durations of the latest sends of this process, from the reservation to the answer.
#[derive(Clone, Default)]
pub(super) struct Pace(Arc<Mutex<VecDeque<Duration>>>);

impl Pace {
    /// Remembers a send that began at `begun` and ends now.
    pub(super) fn record(&self, begun: Instant) {
        let mut durations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if durations.len() == REMEMBERED {
            durations.pop_front();
        }
        durations.push_back(begun.elapsed());
    }

    /// When a send that began at `begun` may end: after the duration of one of the latest.
    pub(super) fn end_of(&self, begun: Instant) -> Instant {
        let durations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rng = rand::rng();
        let duration = match durations.len() {
            0 => Duration::from_millis(rng.random_range(UNKNOWN)),
            sends => durations[rng.random_range(0..sends)],
        };
        begun + duration
    }
}
