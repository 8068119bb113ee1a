//! Takes the events of one shard: a place before each, a pause when the store does not answer.

use std::time::Duration;

use rand::RngExt;
use textproof::{
    store::StoreError,
    stream::{Consumer, Delivery},
};
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{places::Places, readiness::ShardReadiness, work::Work};

/// Bounds on the pause after the store did not answer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What one shard is read with.
pub(crate) struct Intake {
    pub(crate) consumer: Consumer,
    pub(crate) places: Places,
    pub(crate) work: Work,
    pub(crate) readiness: ShardReadiness,
}

type Taken = Vec<(Delivery, OwnedSemaphorePermit)>;

impl Intake {
    /// Runs until `shutdown` is cancelled; hands back what still runs then, and the consumer, which may leave its group
    /// when that is done.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> (Consumer, JoinSet<()>) {
        let mut running = JoinSet::new();
        let mut pause = SHORTEST_PAUSE;
        let mut had_nothing = false;
        // Entries that are taken alone and the others take turns.
        let mut suspect_was_last = false;
        while let Some(held) = shutdown.run_until_cancelled(self.places.some(had_nothing)).await {
            while running.try_join_next().is_some() {}
            // Not cut off by a stop: entries that were on their way would wait for their lease.
            match self.take(held, &mut suspect_was_last, &shutdown).await {
                Ok(taken) => {
                    pause = SHORTEST_PAUSE;
                    had_nothing = taken.is_empty();
                    if self.readiness.set(true) {
                        tracing::info!(shard = self.consumer.shard(), "taking events");
                    }
                    for (delivery, place) in taken {
                        let work = self.work.clone();
                        running.spawn(async move {
                            work.on(delivery).await;
                            drop(place);
                        });
                    }
                }
                Err(error) => {
                    if self.readiness.set(false) {
                        let shard = self.consumer.shard();
                        tracing::warn!(%error, shard, "no events can be taken; trying again");
                    }
                    shutdown.run_until_cancelled(tokio::time::sleep(jittered(pause))).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        self.readiness.set(false);
        while running.try_join_next().is_some() {}
        (self.consumer, running)
    }

    /// Takes no more than there are places; or one suspect alone, when nothing else is in this process's hands.
    async fn take(
        &mut self,
        mut held: OwnedSemaphorePermit,
        suspect_was_last: &mut bool,
        shutdown: &CancellationToken,
    ) -> Result<Taken, StoreError> {
        if !self.consumer.has_suspects() || std::mem::take(suspect_was_last) {
            let deliveries = self.consumer.next(held.num_permits()).await?;
            return Ok(deliveries
                .into_iter()
                .filter_map(|delivery| Some((delivery, held.split(1)?)))
                .collect());
        }
        // Let go first: two shards that each held some and wanted all would wait for each other for ever.
        drop(held);
        // The handlers that run have a deadline, so this is not for long.
        let Some(everything) = shutdown.run_until_cancelled(self.places.all()).await else {
            return Ok(Vec::new());
        };
        *suspect_was_last = true;
        let suspect = self.consumer.next_suspect().await?;
        Ok(suspect.map(|delivery| (delivery, everything)).into_iter().collect())
    }
}

fn jittered(base: Duration) -> Duration {
    base.mul_f64(rand::rng().random_range(0.5..1.5))
}
