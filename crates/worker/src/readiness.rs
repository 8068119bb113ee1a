//! Whether the worker takes events at the moment.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

// 0, the start: nobody has tried yet.
const AWAY: u8 = 1;
const READY: u8 = 2;

/// Shared between the engine, which sets it, and a health endpoint, which reads it.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<[AtomicU8]>);

impl Readiness {
    /// Nothing is taken yet.
    pub(crate) fn new(shards: u16) -> Self {
        Self((0..shards).map(|_| AtomicU8::default()).collect())
    }

    /// Whether the last attempt to take events reached the store, in every shard.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.iter().all(|shard| shard.load(Ordering::Relaxed) == READY)
    }

    /// The part of one shard.
    pub(crate) fn of_shard(&self, shard: u16) -> ShardReadiness {
        ShardReadiness { all: self.clone(), shard: usize::from(shard) }
    }
}

/// What the intake of one shard sets.
#[derive(Debug)]
pub(crate) struct ShardReadiness {
    all: Readiness,
    shard: usize,
}

impl ShardReadiness {
    /// Sets it and says whether that is news, so that a change, the first state included, is logged once.
    pub(crate) fn set(&self, ready: bool) -> bool {
        let state = if ready { READY } else { AWAY };
        self.all.0.get(self.shard).is_some_and(|shard| shard.swap(state, Ordering::Relaxed) != state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_state_is_news_whatever_it_is() {
        let readiness = Readiness::new(1);
        let shard = readiness.of_shard(0);
        assert!(!readiness.is_ready());
        assert!(shard.set(false));
        assert!(!shard.set(false));
        assert!(shard.set(true) && readiness.is_ready());
    }

    #[test]
    fn ready_is_who_takes_from_every_shard() {
        let readiness = Readiness::new(2);
        assert!(readiness.of_shard(1).set(true) && !readiness.is_ready());
        assert!(readiness.of_shard(0).set(true) && readiness.is_ready());
        assert!(readiness.of_shard(1).set(false) && !readiness.is_ready());
    }
}
