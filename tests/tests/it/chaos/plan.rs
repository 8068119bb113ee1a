//! What is done to the fleet, drawn from a seed.

use std::{collections::BTreeMap, fmt, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::fleet::{LEASE, WORKERS};

/// One blow.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// `kill -9`.
    KillWorker(usize),
    /// SIGTERM, and a new one in its place.
    DeployWorker(usize),
    /// SIGSTOP for longer than the lease, then SIGCONT.
    FreezeWorker(usize, Duration),
    /// SIGTERM and start again, with its data.
    StopRedis,
    /// `kill -9` and start again: with `appendfsync always` it has what it answered for.
    KillRedis,
    /// `SCRIPT FLUSH`.
    FlushScripts,
    /// Nobody listens there for a while.
    StopTarget(Duration),
}

/// One action after the other; the same ones for the same seed.
pub(super) struct Plan {
    random: StdRng,
    drawn: BTreeMap<&'static str, usize>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), drawn: BTreeMap::new() }
    }

    pub(super) fn next(&mut self) -> Action {
        let worker = self.random.random_range(0..WORKERS);
        let time = Duration::from_millis(self.random.random_range(200..800));
        let (name, action) = match self.random.random_range(0..14) {
            0..3 => ("kills", Action::KillWorker(worker)),
            3..6 => ("deploys", Action::DeployWorker(worker)),
            6..8 => ("freezes", Action::FreezeWorker(worker, LEASE + time)),
            8..10 => ("outages of the target", Action::StopTarget(time)),
            10..12 => ("script flushes", Action::FlushScripts),
            12 => ("stops of Redis", Action::StopRedis),
            _ => ("kills of Redis", Action::KillRedis),
        };
        *self.drawn.entry(name).or_default() += 1;
        action
    }
}

/// "3 deploys, 2 kills, …"
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drawn: Vec<_> = self.drawn.iter().map(|(name, times)| format!("{times} {name}")).collect();
        write!(f, "{}.", drawn.join(", "))
    }
}
