//! The engine: permits before reading, a deadline on every handler, owner-checked settling, a bounded drain.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use rand::RngExt;
use textproof::{
    store::{EventStore, StoreError},
    stream::{Consumer, ConsumerSettings, Delivery},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Handler, Readiness};

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
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            group: "textproof".into(),
            host: "worker".into(),
            concurrency: 64,
            lease: Duration::from_secs(30),
            drain: Duration::from_secs(25),
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
        let mut running = JoinSet::new();
        let mut pause = SHORTEST_PAUSE;
        while let Some(held) = shutdown.run_until_cancelled(free_places(&permits)).await {
            while running.try_join_next().is_some() {}
            // Not cut off by a stop: entries that were on their way would wait for their lease.
            let taken = take(&mut consumer, held).await;
            match taken {
                Ok(deliveries) => {
                    pause = SHORTEST_PAUSE;
                    if self.readiness.set(true) {
                        tracing::info!("taking events");
                    }
                    for (delivery, permit) in deliveries {
                        let work =
                            work(delivery, Arc::clone(&self.handlers), self.deadline(), give_back.clone());
                        running.spawn(async move {
                            work.await;
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

/// Takes no more than there are places.
async fn take(
    consumer: &mut Consumer,
    mut held: OwnedSemaphorePermit,
) -> Result<Vec<(Delivery, OwnedSemaphorePermit)>, StoreError> {
    let deliveries = consumer.next(held.num_permits()).await?;
    Ok(deliveries.into_iter().filter_map(|delivery| Some((delivery, held.split(1)?))).collect())
}

fn available(permits: &Semaphore) -> u32 {
    u32::try_from(permits.available_permits()).unwrap_or(u32::MAX)
}

/// Has every handler act on the event, then settles it.
async fn work(
    delivery: Delivery,
    handlers: Arc<[Box<dyn Handler>]>,
    deadline: Duration,
    give_back: CancellationToken,
) {
    let start = Instant::now();
    let id = delivery.event().id.clone();
    let outcome = tokio::select! {
        () = give_back.cancelled() => Outcome::GivenBack,
        outcome = timeout(deadline, AssertUnwindSafe(handle(&delivery, &handlers)).catch_unwind()) => match outcome {
            Ok(Ok(outcome)) => outcome,
            // What it said may hold what a person wrote: only the panic hook prints it.
            Ok(Err(_)) => Outcome::Panicked,
            Err(_) => Outcome::Late,
        },
    };
    let settled = match outcome {
        Outcome::Done => delivery.ack().await,
        Outcome::GivenBack => delivery.release().await,
        // Left pending: it comes back after its lease.
        Outcome::Failed | Outcome::Panicked | Outcome::Late => Ok(true),
    };
    match settled {
        Ok(true) => {}
        Ok(false) => tracing::info!(event = %id, "another worker has the event by now"),
        Err(error) => {
            tracing::warn!(event = %id, %error, "the event could not be settled and will come back");
        }
    }
    match outcome {
        Outcome::Late => {
            tracing::warn!(event = %id, deadline_ms = deadline.as_millis(), "the handlers took too long");
        }
        Outcome::Panicked => tracing::error!(event = %id, "a handler panicked"),
        _ => {}
    }
    metrics::counter!("textproof_worker_events_total", "outcome" => outcome.as_str()).increment(1);
    metrics::histogram!("textproof_worker_event_seconds").record(start.elapsed().as_secs_f64());
}

async fn handle(delivery: &Delivery, handlers: &[Box<dyn Handler>]) -> Outcome {
    let event = delivery.event();
    for handler in handlers {
        if let Err(error) = handler.handle(event).await {
            let deliveries = delivery.deliveries();
            tracing::warn!(event = %event.id, handler = handler.name(), deliveries, %error, "a handler failed");
            return Outcome::Failed;
        }
    }
    Outcome::Done
}

#[derive(Clone, Copy)]
enum Outcome {
    Done,
    Failed,
    Panicked,
    Late,
    GivenBack,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Late => "late",
            Self::GivenBack => "given_back",
        }
    }
}

fn jittered(base: Duration) -> Duration {
    base.mul_f64(rand::rng().random_range(0.5..1.5))
}
