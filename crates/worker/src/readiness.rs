//! Whether the worker takes events at the moment.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

// 0, the start: nobody has tried yet.
const AWAY: u8 = 1;
const READY: u8 = 2;

/// Shared between the engine, which sets it, and a health endpoint, which reads it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Whether the last attempt to take events reached the store.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed) == READY
    }

    /// Sets it and says whether that is news, so that a change, the first state included, is logged once.
    pub(crate) fn set(&self, ready: bool) -> bool {
        let state = if ready { READY } else { AWAY };
        self.0.swap(state, Ordering::Relaxed) != state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_state_is_news_whatever_it_is() {
        let readiness = Readiness::default();
        assert!(!readiness.is_ready());
        assert!(readiness.set(false));
        assert!(!readiness.set(false));
        assert!(readiness.set(true) && readiness.is_ready());
    }
}
