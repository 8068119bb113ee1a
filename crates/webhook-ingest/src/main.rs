//! The webhook receiver: configuration, telemetry, two listeners, a bounded stop.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use mimalloc::MiMalloc;
use textproof::store::{EventStore, Store};
use textproof_service::{
    args::CommonArgs,
    assemble, exit,
    health::{self, Check},
    servers::Servers,
    shutdown::shutdown_signal,
    telemetry::{self, LogFormat},
};
use webhook_ingest::{Ingest, IngestOptions, router};

/// Receives webhooks, verifies them on raw bytes and stores them on a Redis stream before answering.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    common: CommonArgs,
}

/// What is sent to Redis is allocated on one thread and freed on another, where the system's allocator contends.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    exit::main(run)
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    telemetry::init(LogFormat::from_env()?, "info")?;
    let config = arguments.common.load_config()?;
    let settings = config.require_ingest()?;
    let store = assemble::shared_store(&config)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = telemetry::metrics();
    let shutdown = shutdown_signal();

    let options = IngestOptions { body_limit: settings.body_limit, ..IngestOptions::default() };
    let ingest = Ingest::new(settings.endpoints, Arc::clone(&store) as Arc<dyn EventStore>, options);
    let hooks = router(Arc::new(ingest)).merge(health::public_routes(checks(Arc::clone(&store))));
    let internal = health::internal_routes(checks(store), metrics.clone());

    let servers = Servers::bind(settings.bind, settings.metrics_bind).await?;
    servers.serve(hooks, internal, metrics, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

fn checks(store: Arc<dyn Store>) -> impl Fn() -> CheckStore + Send + Sync + 'static {
    move || {
        let store = Arc::clone(&store);
        Box::pin(async move { vec![Check::new("store", store.ping().await)] })
    }
}

type CheckStore = std::pin::Pin<Box<dyn Future<Output = Vec<Check>> + Send>>;
