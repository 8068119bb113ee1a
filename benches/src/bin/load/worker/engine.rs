//! The engine as a service runs it, in this process.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use textproof::{
    event::Event,
    store::{EventStore, RedisStore},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Handler, HandlerError, Worker, WorkerOptions};

/// Events in the hands of a worker, and the COUNT of the raw loop.
pub(crate) const CONCURRENCY: usize = 256;

/// A worker that runs until it is stopped.
pub(crate) struct Engine {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Engine {
    pub(crate) fn start(store: Arc<RedisStore>, handler: impl Handler + 'static) -> Self {
        let options = WorkerOptions { concurrency: CONCURRENCY, ..WorkerOptions::default() };
        let worker = Worker::new(store as Arc<dyn EventStore>, vec![Box::new(handler)], options);
        let stop = CancellationToken::new();
        let running = tokio::spawn(worker.run(stop.clone()));
        Self { stop, running }
    }

    /// Waits for the drain; a worker that panicked fails the run.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.running.await?)
    }
}

/// Does nothing but count.
#[derive(Clone, Default)]
pub(crate) struct Counting(Arc<AtomicU64>);

impl Counting {
    pub(crate) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Handler for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    async fn handle(&self, _: &Event) -> Result<(), HandlerError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
