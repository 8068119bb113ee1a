//! The webhook receiver: configuration, telemetry, two listeners, a bounded stop.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use jiff::Timestamp;
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
    let ingest = Arc::new(ingest);
    let checks = checks(store, Arc::clone(&ingest));
    let hooks = router(Arc::clone(&ingest)).merge(health::public_routes(checks.clone()));
    let internal = health::internal_routes(checks, metrics.clone());

    let servers = Servers::bind(settings.bind, settings.metrics_bind).await?;
    let watch = ingest.watch_secrets(shutdown.clone());
    let (served, ()) = tokio::join!(servers.serve(hooks, internal, metrics, shutdown), watch);
    served?;
    Ok(ExitCode::SUCCESS)
}

fn checks(store: Arc<dyn Store>, ingest: Arc<Ingest>) -> impl Fn() -> Checks + Clone + Send + Sync + 'static {
    move || {
        let (store, ingest) = (Arc::clone(&store), Arc::clone(&ingest));
        Box::pin(async move {
            let secrets = Check::warning("secrets", ingest.rotation_notices(Timestamp::now()));
            vec![Check::new("store", store.ping().await), secrets]
        })
    }
}

type Checks = std::pin::Pin<Box<dyn Future<Output = Vec<Check>> + Send>>;
