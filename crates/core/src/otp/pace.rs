//! How long a send takes: a suppressed one lasts as long as one that was just made.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rand::RngExt;
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

/// Sends that are remembered.
const REMEMBERED: usize = 64;
/// Before the first send of this process: what a gateway across a country takes.
const UNKNOWN: std::ops::Range<u64> = 250..600;

/// The runtime's timer rounds to milliseconds, by which a suppressed send could be told from one that ends by itself:
/// the last of it is slept on a thread, whose clock is finer.
const LAST: Duration = Duration::from_millis(3);

/// The durations of the latest sends of this process, from the reservation to the answer.
#[derive(Clone, Default)]
pub(super) struct Pace(Arc<Mutex<VecDeque<Duration>>>);

impl Pace {
    /// Remembers a send that began at `begun` and ends now.
    pub(super) fn record(&self, begun: Instant) {
        let took = begun.elapsed();
        let mut durations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if durations.len() == REMEMBERED {
            durations.pop_front();
        }
        durations.push_back(took);
    }

    /// Sleeps as long as a send lasts that began at `begun`: as one of the latest did.
    pub(super) async fn sleep(&self, begun: Instant) {
        let end = self.end_of(begun);
        sleep_until(end - LAST).await;
        let rest = end.saturating_duration_since(Instant::now());
        #[expect(
            clippy::disallowed_methods,
            reason = "a finer clock than the runtime's, for three milliseconds"
        )]
        let slept = spawn_blocking(move || thread::sleep(rest)).await;
        // A runtime that shuts down refuses it; there is nobody left to deceive.
        drop(slept);
    }

    fn end_of(&self, begun: Instant) -> Instant {
        let durations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rng = rand::rng();
        let duration = match durations.len() {
            0 => Duration::from_millis(rng.random_range(UNKNOWN)),
            sends => durations[rng.random_range(0..sends)],
        };
        begun + duration
    }
}
