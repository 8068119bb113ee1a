//! Places for events: what is read has one already.
//!
//! All shards draw from the same places, and nobody holds one while it waits for more. Who waits is served in turn, so
//! a busy shard cannot keep a quiet one from being read: after each turn, of at most its share, it queues behind the
//! others. A shard that had nothing the last time waits for events with a small part of its share, so that it takes
//! little from the busy ones.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of a process.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    permits: Arc<Semaphore>,
    all: u32,
    shards: u32,
}

impl Places {
    pub(crate) fn new(concurrency: usize, shards: u16) -> Self {
        let shards = u32::from(shards.max(1));
        let all = u32::try_from(concurrency).unwrap_or(u32::MAX).max(shards);
        Self { permits: Arc::new(Semaphore::new(all as usize)), all, shards }
    }

    /// Waits for one place, then holds what else is free up to the shard's share.
    pub(crate) async fn some(&self, had_nothing: bool) -> OwnedSemaphorePermit {
        let mut held = self.take(1).await;
        let share = self.all.div_ceil(self.shards);
        let most = if had_nothing { share / self.shards } else { share };
        let free = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        let more = most.saturating_sub(1).min(free);
        if let Ok(more) = Arc::clone(&self.permits).try_acquire_many_owned(more) {
            held.merge(more);
        }
        held
    }

    /// Waits until nothing else is in this process's hands.
    pub(crate) async fn all(&self) -> OwnedSemaphorePermit {
        self.take(self.all).await
    }

    async fn take(&self, places: u32) -> OwnedSemaphorePermit {
        #[expect(clippy::expect_used, reason = "nobody closes the semaphore")]
        Arc::clone(&self.permits).acquire_many_owned(places).await.expect("the semaphore is open")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_shard_has_all_places() {
        let places = Places::new(64, 1);
        assert_eq!(places.some(true).await.num_permits(), 64);
        assert_eq!(places.some(false).await.num_permits(), 64);
    }

    #[tokio::test]
    async fn a_turn_is_a_share_and_who_waits_is_served_before_the_next_turn() {
        let places = Places::new(64, 4);
        assert_eq!(places.some(false).await.num_permits(), 16);
        assert_eq!(places.some(true).await.num_permits(), 4);
        let everything = places.all().await;
        let (mut quiet, mut busy) = (Box::pin(places.some(true)), Box::pin(places.some(false)));
        assert!((&mut quiet).now_or_never().is_none() && (&mut busy).now_or_never().is_none());
        drop(everything);
        // Served in turn: the busy one, which came later, gets nothing while the first has not taken its own.
        assert!(quiet.now_or_never().is_some() && busy.now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_wants_all_waits_for_all_and_keeps_nobody_waiting_for_ever() {
        let places = Places::new(2, 8);
        let one = places.some(true).await;
        let (mut first, mut second) = (Box::pin(places.all()), Box::pin(places.all()));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(one);
        assert_eq!(first.await.num_permits(), 8);
        assert_eq!(second.await.num_permits(), 8);
    }
}
