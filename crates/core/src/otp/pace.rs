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

/// What every answer to a send waits for at its end: a sleep is rounded up to a tick of the runtime's timer, which
/// would tell a suppressed send from one that ends by itself.
const TICK: Duration = Duration::from_millis(1);

/// The durations of the latest sends of this process, from the reservation to the answer.
#[derive(Clone, Default)]
pub(super) struct Pace(Arc<Mutex<VecDeque<Duration>>>);

impl Pace {
    /// Remembers a send that began at `begun` and ends now; returns when it may be answered.
    pub(super) fn record(&self, begun: Instant) -> Instant {
        let took = begun.elapsed();
        let mut durations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if durations.len() == REMEMBERED {
            durations.pop_front();
        }
        durations.push_back(took);
        begun + took + TICK
    }

    /// When a suppressed send that began at `begun` may be answered: after the duration of one of the latest.
    pub(super) fn end_of(&self, begun: Instant) -> Instant {
        let durations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rng = rand::rng();
        let duration = match durations.len() {
            0 => Duration::from_millis(rng.random_range(UNKNOWN)),
            sends => durations[rng.random_range(0..sends)],
        };
        begun + duration + TICK
    }
}
