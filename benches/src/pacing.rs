//! Calls at a set rate.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

/// The runtime's timers are of a millisecond, in which dozens of calls would start at once: a thread with a finer
/// clock spreads them.
const STEP: Duration = Duration::from_micros(100);

/// Lets as many calls start as are due, until the leg is over.
#[expect(clippy::disallowed_methods, reason = "a finer clock than the runtime's")]
#[must_use]
pub fn pacer(due: Arc<Semaphore>, rate: f64, start: Instant, leg: Duration) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut started = 0u64;
        while start.elapsed() < leg {
            thread::sleep(STEP);
            let wanted = (start.elapsed().as_secs_f64() * rate) as u64;
            due.add_permits((wanted - started) as usize);
            started = wanted;
        }
        due.close();
    })
}
