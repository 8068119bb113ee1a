//! Whether the worker takes events at the moment.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Shared between the engine, which sets it, and a health endpoint, which reads it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Whether the last attempt to take events reached the store.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it and says whether it changed, so that a change is logged once.
    pub(crate) fn set(&self, ready: bool) -> bool {
        self.0.swap(ready, Ordering::Relaxed) != ready
    }
}
