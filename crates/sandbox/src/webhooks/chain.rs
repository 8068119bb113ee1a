//! Events that belong together, under way: first attempts in order, retries beside them.

use std::{sync::Arc, time::Duration};

use tokio::{sync::OwnedSemaphorePermit, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Event, attempt};
use crate::{
    stats::{Stats, WebhookCounts},
    world::World,
};

/// A chain under way.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) world: Arc<World>,
    pub(super) generation: CancellationToken,
    pub(super) late: Option<Duration>,
    /// The longest time to let another chain pass first.
    pub(super) hold: Option<Duration>,
    pub(super) forge: bool,
}

impl Chain {
    pub(super) async fn run(self, events: Vec<Event>, permit: OwnedSemaphorePermit) {
        tokio::select! {
            () = self.generation.cancelled() => {}
            () = self.deliver(events) => {}
        }
        drop(permit);
    }

    async fn deliver(&self, events: Vec<Event>) {
        self.hold_back().await;
        // Dropped with this future, and its retries with it.
        let mut retries = JoinSet::new();
        for event in events {
            if self.forge {
                attempt::forged(self, &event).await;
                self.count(|webhooks| {
                    webhooks.forged += 1;
                    webhooks.pending -= 1;
                });
            } else if attempt::genuine(self, &event, 1).await {
                self.settled(true);
            } else {
                retries.spawn(self.clone().retry(event));
            }
        }
        self.world.courier.overtaken.notify_waiters();
        while retries.join_next().await.is_some() {}
    }

    async fn hold_back(&self) {
        if let Some(delay) = self.late {
            tokio::time::sleep(delay).await;
        }
        if let Some(longest) = self.hold {
            let overtaken = self.world.courier.overtaken.notified();
            let _ = tokio::time::timeout(longest, overtaken).await;
        }
    }

    async fn retry(self, event: Event) {
        let delays = self.world.courier.retry_delays.iter();
        for (attempt, delay) in (2..).zip(delays) {
            tokio::time::sleep(*delay).await;
            if attempt::genuine(&self, &event, attempt).await {
                return self.settled(true);
            }
        }
        tracing::warn!(kind = ?event.kind, message_id = event.message_id, "sandbox.webhook.given_up");
        self.settled(false);
    }

    fn settled(&self, delivered: bool) {
        self.count(|webhooks| {
            webhooks.pending -= 1;
            if delivered {
                webhooks.delivered += 1;
            } else {
                webhooks.failed += 1;
            }
        });
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut WebhookCounts)) {
        self.record(|stats| change(&mut stats.webhooks));
    }

    /// A chain from before a reset leaves no trace in the stats after it.
    pub(super) fn record(&self, change: impl FnOnce(&mut Stats)) {
        let mut stats = self.world.stats();
        if !self.generation.is_cancelled() {
            change(&mut stats);
        }
    }
}
