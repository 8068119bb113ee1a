//! The engine: an intake for each shard, a bounded drain. What is done with one entry is in `work`.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::join_all;
use textproof::{
    store::EventStore,
    stream::{Consumer, ConsumerSettings},
};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Handler, Readiness,
    intake::{Intake, LONGEST_PAUSE},
    places::Places,
    work::{Limits, Work},
};

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The consumer group; every event goes to one worker of it at a time.
    pub group: String,
    /// The host's name, for the consumer name.
    pub host: String,
    /// Events at the same time, over all shards; at least one for each shard.
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
        let readiness = Readiness::new(store.shards());
        Self { store, handlers: handlers.into(), options, readiness }
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
        let give_back = CancellationToken::new();
        let work = Work {
            handlers: Arc::clone(&self.handlers),
            deadline: self.deadline(),
            limits: Limits { starts: self.options.max_deliveries, failures: self.options.max_attempts },
            give_back: give_back.clone(),
        };
        let places = Places::new(self.options.concurrency, self.store.shards());
        let mut intakes = JoinSet::new();
        for consumer in Consumer::of_every_shard(Arc::clone(&self.store), &settings) {
            let intake = Intake {
                readiness: self.readiness.of_shard(consumer.shard()),
                consumer,
                places: places.clone(),
                work: work.clone(),
            };
            intakes.spawn(intake.run(shutdown.clone()));
        }
        let (mut consumers, mut running) = (Vec::new(), Vec::new());
        while let Some(ended) = intakes.join_next().await {
            match ended {
                Ok((consumer, rest)) => {
                    consumers.push(consumer);
                    running.push(rest);
                }
                // Its shard would wait for ever: better that the process ends and is started again.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        self.drain(consumers, running, &give_back).await;
    }

    async fn drain(
        &self,
        consumers: Vec<Consumer>,
        mut running: Vec<JoinSet<()>>,
        give_back: &CancellationToken,
    ) {
        tracing::info!(running = count(&running), "stopping: no more events are taken");
        if timeout(self.options.drain, finish(&mut running)).await.is_err() {
            tracing::warn!(running = count(&running), "giving events back that did not finish in time");
            give_back.cancel();
            if timeout(LONGEST_PAUSE, finish(&mut running)).await.is_err() {
                tracing::warn!(running = count(&running), "events are left to come back after their lease");
            }
        }
        // Each by itself: the server of one shard may be away.
        let leave = consumers.into_iter().map(async |consumer| {
            let shard = consumer.shard();
            if let Err(error) = consumer.retire().await {
                tracing::warn!(%error, shard, "the consumer could not leave its group");
            }
        });
        if timeout(LONGEST_PAUSE, join_all(leave)).await.is_err() {
            tracing::warn!("not every consumer could leave its group in time");
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

async fn finish(running: &mut [JoinSet<()>]) {
    for shard in running {
        while shard.join_next().await.is_some() {}
    }
}

fn count(running: &[JoinSet<()>]) -> usize {
    running.iter().map(JoinSet::len).sum()
}
