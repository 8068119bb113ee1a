//! The engine: permits before reading, a bounded drain. What is done with one entry is in `work`.

use std::{fmt, sync::Arc, time::Duration};

use rand::RngExt;
use textproof::{
    store::{EventStore, StoreError},
    stream::{Consumer, ConsumerSettings, Delivery},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Handler, Readiness,
    work::{Limits, Work},
};

/// Bounds on the pause after the store did not answer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The consumer group; every event goes to one worker of it at a time.
    pub group: String,
    /// The host's name, for the consumer name.
    pub host: String,
    /// Events at the same time.
    pub concurrency: usize,
    /// How long an event stays with a worker that says nothing. Handlers get five sixths of it, so that a
    /// slow one is cut off before another worker starts.
    pub lease: Duration,
    /// How long running handlers may take to finish at a stop; then their events are given back.
    pub drain: Duration,
    /// Starts without an answer, as of a process that died; an event that was started more often is a dead letter.
    pub max_deliveries: u64,
    /// Failures of its handlers; then it is a dead letter.
    pub max_attempts: u32,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            group: "textproof".into(),
            host: "worker".into(),
            concurrency: 64,
            lease: Duration::from_secs(30),
            drain: Duration::from_secs(25),
            max_deliveries: 5,
            max_attempts: 12,
        }
    }
}

/// Takes events and has every handler act on each.
pub struct Worker {
    store: Arc<dyn EventStore>,
    handlers: Arc<[Box<dyn Handler>]>,
    options: WorkerOptions,
    readiness: Readiness,
}

impl Worker {
    /// A worker on this store with these handlers, in this order.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>, handlers: Vec<Box<dyn Handler>>, options: WorkerOptions) -> Self {
        Self { store, handlers: handlers.into(), options, readiness: Readiness::default() }
    }

    /// Tells whether the worker takes events at the moment.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Runs until `shutdown` is cancelled, then drains: running handlers finish within the drain deadline,
    /// the rest is given back without counting a start.
    pub async fn run(self, shutdown: CancellationToken) {
        let settings = ConsumerSettings {
            group: self.options.group.clone(),
            host: self.options.host.clone(),
            lease: self.options.lease,
        };
        let mut consumer = Consumer::new(Arc::clone(&self.store), settings);
        let permits = Arc::new(Semaphore::new(self.options.concurrency));
        let give_back = CancellationToken::new();
        let work = Work {
            handlers: Arc::clone(&self.handlers),
            deadline: self.deadline(),
            limits: Limits { starts: self.options.max_deliveries, failures: self.options.max_attempts },
            give_back: give_back.clone(),
        };
        let mut running = JoinSet::new();
        let mut pause = SHORTEST_PAUSE;
        while let Some(held) = shutdown.run_until_cancelled(free_places(&permits)).await {
            while running.try_join_next().is_some() {}
            // Not cut off by a stop: entries that were on their way would wait for their lease.
            match take(&mut consumer, held, &permits, self.options.concurrency, &shutdown).await {
                Ok(deliveries) => {
                    pause = SHORTEST_PAUSE;
                    if self.readiness.set(true) {
                        tracing::info!("taking events");
                    }
                    for (delivery, permit) in deliveries {
                        let work = work.clone();
                        running.spawn(async move {
                            work.on(delivery).await;
                            drop(permit);
                        });
                    }
                }
                Err(error) => {
                    if self.readiness.set(false) {
                        tracing::warn!(%error, "no events can be taken; trying again");
                    }
                    shutdown.run_until_cancelled(tokio::time::sleep(jittered(pause))).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        self.readiness.set(false);
        self.drain(consumer, running, &give_back).await;
    }

    async fn drain(&self, consumer: Consumer, mut running: JoinSet<()>, give_back: &CancellationToken) {
        while running.try_join_next().is_some() {}
        tracing::info!(running = running.len(), "stopping: no more events are taken");
        let finish = async { while running.join_next().await.is_some() {} };
        if timeout(self.options.drain, finish).await.is_err() {
            tracing::warn!(running = running.len(), "giving events back that did not finish in time");
            give_back.cancel();
            let finish = async { while running.join_next().await.is_some() {} };
            if timeout(LONGEST_PAUSE, finish).await.is_err() {
                tracing::warn!(running = running.len(), "events are left to come back after their lease");
            }
        }
        if let Ok(Err(error)) = timeout(LONGEST_PAUSE, consumer.retire()).await {
            tracing::warn!(%error, "the consumer could not leave its group");
        }
    }

    fn deadline(&self) -> Duration {
        self.options.lease * 5 / 6
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Waits for a free place, then holds all that are free.
async fn free_places(permits: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    #[expect(clippy::expect_used, reason = "nobody closes the semaphore")]
    let mut held = Arc::clone(permits).acquire_owned().await.expect("the semaphore is open");
    if let Ok(more) = Arc::clone(permits).try_acquire_many_owned(available(permits)) {
        held.merge(more);
    }
    held
}

/// Takes no more than there are places; or one suspect alone, when nothing else is in this process's hands.
async fn take(
    consumer: &mut Consumer,
    mut held: OwnedSemaphorePermit,
    permits: &Arc<Semaphore>,
    places: usize,
    shutdown: &CancellationToken,
) -> Result<Vec<(Delivery, OwnedSemaphorePermit)>, StoreError> {
    if !consumer.has_suspects() {
        let deliveries = consumer.next(held.num_permits()).await?;
        return Ok(deliveries.into_iter().filter_map(|delivery| Some((delivery, held.split(1)?))).collect());
    }
    // The handlers that run have a deadline, so this is not for long.
    let others = u32::try_from(places - held.num_permits()).unwrap_or(u32::MAX);
    let Some(Ok(rest)) = shutdown.run_until_cancelled(Arc::clone(permits).acquire_many_owned(others)).await
    else {
        return Ok(Vec::new());
    };
    held.merge(rest);
    Ok(consumer.next_suspect().await?.map(|delivery| (delivery, held)).into_iter().collect())
}

fn available(permits: &Semaphore) -> u32 {
    u32::try_from(permits.available_permits()).unwrap_or(u32::MAX)
}

fn jittered(base: Duration) -> Duration {
    base.mul_f64(rand::rng().random_range(0.5..1.5))
}
