//! The webhook receiver: configuration, telemetry, two listeners, a bounded stop.

use std::{process::ExitCode, sync::Arc, time::Duration};

use axum::{Json, routing::get};
use clap::Parser;
use jiff::Timestamp;
use mimalloc::MiMalloc;
use textproof::store::{EventStore, PhoneStore, Queue, Store, StoreError};
use textproof_service::{
    args::CommonArgs,
    assemble,
    config::SpoolSettings,
    exit,
    health::{self, Check},
    servers::{Front, Servers},
    shutdown::shutdown_signal,
    telemetry::{self, LogFormat},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use webhook_ingest::{
    Ingest, ReadLimits, Storage, StreamDepth, router,
    spool::{Drainer, Erasures, Spool, SpoolLimits},
};

/// Sent to a process that writes beyond the size its files may have; the same number on Linux and macOS.
const SIGXFSZ: i32 = 25;

/// How long a process that is about to end may keep the spool: a drain's deadline.
const SPOOL_FREE_WITHIN: Duration = Duration::from_secs(30);

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
    assemble::agree_on_shards(&config, &store).await?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = telemetry::metrics();
    let shutdown = shutdown_signal();

    let events = Arc::clone(&store) as Arc<dyn EventStore>;
    let depth = StreamDepth::new(settings.max_stream_depth);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&depth).watch(Arc::clone(&events), shutdown.clone()));
    let mut storage = Storage::new(events).with_depth(Arc::clone(&depth));
    let mut spool = None;
    if let Some(settings) = &settings.spool {
        let opened = open(settings).await?;
        drain(&opened, settings, &store, depth, &shutdown, &mut tasks);
        storage = storage.with_spool(opened.clone());
        spool = Some(opened);
    }

    let options = ReadLimits { body_limit: settings.body_limit, ..ReadLimits::default() };
    let mut ingest = Ingest::new(settings.endpoints, storage, options);
    for (endpoint, rate) in settings.rates {
        ingest = ingest.with_rate(&endpoint, rate);
    }
    let ingest = Arc::new(ingest);
    let (watching, stop) = (Arc::clone(&ingest), shutdown.clone());
    tasks.spawn(async move { watching.watch_secrets(stop).await });
    let checks = checks(store, spool.clone(), Arc::clone(&ingest));
    let hooks = router(ingest).merge(health::public_routes(checks.clone()));
    let mut internal = health::internal_routes(checks, metrics.clone());
    if let Some(spool) = spool {
        internal = internal.route("/spool", get(async move || Json(spool.report())));
    }

    let front = Front { bind: settings.bind, tls: settings.tls, max_connections: settings.max_connections };
    let servers = Servers::bind(front, settings.metrics_bind).await?;
    servers.serve(hooks, internal, metrics, shutdown).await?;
    tasks.join_all().await;
    Ok(ExitCode::SUCCESS)
}

async fn open(settings: &SpoolSettings) -> anyhow::Result<Spool> {
    // A file that may not grow any more is an error to be answered, not a signal to die of.
    let _ = signal(SignalKind::from_raw(SIGXFSZ))?;
    let limits = SpoolLimits { bytes: settings.max_bytes, age: settings.max_age };
    let spool = Spool::open_when_free(&settings.folder, limits, SPOOL_FREE_WITHIN).await?;
    let events = spool.report().events;
    if events > 0 {
        tracing::info!(events, "events wait in the spool");
    }
    Ok(spool)
}

fn drain(
    spool: &Spool,
    settings: &SpoolSettings,
    store: &Arc<dyn Store>,
    depth: Arc<StreamDepth>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let erasures = settings
        .fingerprint_key
        .clone()
        .map(|key| Erasures { store: Arc::clone(store) as Arc<dyn PhoneStore>, key });
    let events = Arc::clone(store) as Arc<dyn EventStore>;
    let drainer = Drainer::new(spool.clone(), events, erasures, depth);
    tasks.spawn(drainer.run(shutdown.clone()));
    tasks.spawn(spool.clone().observe(shutdown.clone()));
}

/// Ready is who can keep a webhook: in the store, or in a spool that takes more.
fn checks(
    store: Arc<dyn Store>,
    spool: Option<Spool>,
    ingest: Arc<Ingest>,
) -> impl Fn() -> Checks + Clone + Send + Sync + 'static {
    move || {
        let (store, spool, ingest) = (Arc::clone(&store), spool.clone(), Arc::clone(&ingest));
        Box::pin(async move {
            let answer = store.ping().await;
            // Nobody would find what it spools under another number; that Redis is away is the other check's.
            let shards = match store.depth(Queue::Events).await {
                Err(error @ StoreError::OtherShards { .. }) => Check::new("shards", Err(error)),
                _ => Check::new("shards", Ok::<_, StoreError>(())),
            };
            let spooling = spool.is_some_and(|spool| spool.takes_more());
            let store = match answer {
                Err(error) if spooling => {
                    Check::warning("store", vec![format!("{error}; events go to the spool")])
                }
                Ok(()) if ingest.is_full() => {
                    Check::new("store", Err("it takes no events, and the spool takes no more"))
                }
                answer => Check::new("store", answer),
            };
            vec![store, shards, Check::warning("secrets", ingest.rotation_notices(Timestamp::now()))]
        })
    }
}

type Checks = std::pin::Pin<Box<dyn Future<Output = Vec<Check>> + Send>>;
