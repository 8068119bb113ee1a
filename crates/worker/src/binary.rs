//! A worker as a process: configuration, telemetry, the engine with the built-in handlers and yours, a bounded stop.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use textproof::{
    delivery::Deliveries,
    store::{DeliveryStore, EventStore, GroupStore},
};
use textproof_service::{
    args::CommonArgs,
    assemble, exit,
    health::{self, Check},
    servers::Servers,
    shutdown::shutdown_signal,
    telemetry::{self, LogFormat},
};

use crate::{
    Handler, Readiness, Worker, WorkerOptions, configured, gauges,
    handlers::{KeepConsent, MergeDeliveryReports},
};

/// Consumes verified events from a Redis stream; every event takes effect once.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    common: CommonArgs,
}

/// The whole `main` of a worker with handlers of your own, which `own` makes; they act on each event after
/// consent and delivery reports, and before replies and forwards. It has the command line, the configuration and the
/// health endpoints of the `worker` binary.
///
/// `examples/own-handler` is one. An error of `own` ends the process with status 2.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     worker::main(async || Ok(Vec::new()))
/// }
/// ```
pub fn main<F>(own: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<Vec<Box<dyn Handler>>>>,
{
    exit::main(async |arguments| run(arguments, own).await)
}

async fn run<F>(arguments: Arguments, own: impl FnOnce() -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<Vec<Box<dyn Handler>>>>,
{
    telemetry::init(LogFormat::from_env()?, "info")?;
    let config = arguments.common.load_config()?;
    let settings = config.require_worker()?;
    let store = assemble::shared_store(&config)?;
    assemble::agree_on_shards(&config, &store).await?;
    let metrics = telemetry::metrics();
    let shutdown = shutdown_signal();

    let ledger = assemble::consent_ledger(&config, &store)?;
    let deliveries = Deliveries::new(Arc::clone(&store) as Arc<dyn DeliveryStore>);
    let rules = configured::rules(&config, &store, &ledger)?;
    // In this order: whether a person may be answered is known before the rules are applied. What calls others comes
    // last, since one of them that is down brings its events back, for days.
    let mut handlers: Vec<Box<dyn Handler>> =
        vec![Box::new(KeepConsent::new(ledger)), Box::new(MergeDeliveryReports::new(deliveries))];
    handlers.extend(own().await?);
    handlers.push(Box::new(rules));
    let gauges =
        gauges::report(Arc::clone(&store) as Arc<dyn GroupStore>, settings.group.clone(), shutdown.clone());
    let options = WorkerOptions {
        group: settings.group,
        host: host_name(),
        concurrency: settings.concurrency,
        lease: settings.lease,
        drain: settings.drain,
        max_deliveries: settings.max_deliveries,
        max_attempts: settings.max_attempts,
    };
    let worker = Worker::new(store as Arc<dyn EventStore>, handlers, options);
    let public = health::public_routes(checks(worker.readiness()));
    let internal = health::internal_routes(checks(worker.readiness()), metrics.clone());

    let servers = Servers::bind(settings.bind, settings.metrics_bind).await?;
    let (served, (), ()) = tokio::join!(
        servers.serve(public, internal, metrics, shutdown.clone()),
        worker.run(shutdown),
        gauges
    );
    served?;
    Ok(ExitCode::SUCCESS)
}

fn checks(readiness: Readiness) -> impl Fn() -> std::future::Ready<Vec<Check>> {
    move || {
        let taking = if readiness.is_ready() { Ok(()) } else { Err("no events are taken at the moment") };
        std::future::ready(vec![Check::new("events", taking)])
    }
}

/// The host's name for the consumer name; a random id is added, so any word will do.
fn host_name() -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let name: String =
        std::env::var("HOSTNAME").unwrap_or_default().chars().filter(allowed).take(64).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}
