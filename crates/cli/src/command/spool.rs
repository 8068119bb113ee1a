//! `textproof spool`: what waits on this host's disk, into the store with it, or out of there as JSON lines.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::json;
use textproof::store::{EventStore, PhoneStore};
use textproof_service::{
    assemble,
    config::{Config, ConfigError, SpoolSettings},
};
use webhook_ingest::{
    StreamDepth,
    spool::{Drainer, Erasures, Spool, SpoolError, SpoolLimits, SpoolReport, export},
};

use crate::{
    arguments::{SpoolCommand, SpoolDrainOptions, SpoolExportOptions},
    output,
};

/// How long a running ingest may take to say what its spool holds.
const ASK_WITHIN: Duration = Duration::from_secs(2);

pub(crate) async fn run(config: &Config, command: SpoolCommand, json: bool) -> anyhow::Result<ExitCode> {
    let settings = config.spool()?.ok_or_else(|| ConfigError::Missing {
        key: "ingest.spool_dir".to_owned(),
        remedy: "set it, or TEXTPROOF_SPOOL_DIR, to the folder that webhook-ingest uses".to_owned(),
    })?;
    match command {
        SpoolCommand::Status => status(config, &settings, json).await,
        SpoolCommand::Drain(options) => drain(config, settings, &options, json).await,
        SpoolCommand::Export(options) => export_to(&settings.folder, &options, json),
    }
}

async fn status(config: &Config, settings: &SpoolSettings, json: bool) -> anyhow::Result<ExitCode> {
    let (report, held_by) = match opened(settings) {
        Ok(None) => (SpoolReport::default(), "nobody: there is no spool yet"),
        Ok(Some(spool)) => (spool.report(), "nobody: no webhook-ingest runs on it"),
        Err(SpoolError::InUse(_)) => (ask(config.ingest_metrics_bind()?).await?, "a running webhook-ingest"),
        Err(error) => return Err(error.into()),
    };
    let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    let facts = [
        ("folder", json!(settings.folder.display().to_string())),
        ("held_by", json!(held_by)),
        ("events", json!(report.events)),
        ("bytes", json!(report.bytes)),
        ("max_bytes", json!(settings.max_bytes)),
        ("oldest_age_seconds", json!(report.oldest_age_ms(now_ms).map(|age| age / 1000))),
        ("unreadable", json!(report.unreadable)),
        ("refusing", json!(report.refusing)),
    ];
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}

async fn drain(
    config: &Config,
    settings: SpoolSettings,
    options: &SpoolDrainOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let Some(spool) = opened(&settings).map_err(busy)? else {
        output::facts(json, &[("outcome", json!("nothing_to_drain"))])?;
        return Ok(ExitCode::SUCCESS);
    };
    let waiting = spool.report().events;
    if !options.yes {
        let next = "add --yes to publish all of them; an event that the stream has already stays one event";
        output::facts(
            json,
            &[("outcome", json!("dry_run")), ("events", json!(waiting)), ("next", json!(next))],
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let store = assemble::shared_store(config)?;
    let erasures = settings
        .fingerprint_key
        .map(|key| Erasures { store: Arc::clone(&store) as Arc<dyn PhoneStore>, key });
    // An operator who asks for it knows how full the stream is.
    let mut drainer =
        Drainer::new(spool.clone(), store as Arc<dyn EventStore>, erasures, StreamDepth::new(0));
    let drained = drainer.drain().await;
    let left = spool.report().events;
    let drained = drained
        .with_context(|| format!("{} of {waiting} events were drained, {left} stay", waiting - left))?;
    let facts = [
        ("outcome", json!("drained")),
        ("new", json!(drained.new)),
        ("known", json!(drained.known)),
        ("erased", json!(drained.erased)),
        ("unreadable", json!(drained.unreadable)),
        ("left", json!(left)),
    ];
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}

fn export_to(folder: &Path, options: &SpoolExportOptions, json: bool) -> anyhow::Result<ExitCode> {
    if !Spool::path(folder).exists() {
        bail!("there is no spool in {}", folder.display());
    }
    let Some(path) = &options.file else {
        export(folder, &mut BufWriter::new(io::stdout().lock())).map_err(busy)?;
        return Ok(ExitCode::SUCCESS);
    };
    // Replies are in there in clear: the file is its owner's alone, and nobody else's is written over.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = BufWriter::new(file.with_context(|| format!("{} cannot be made", path.display()))?);
    let lines = export(folder, &mut file).map_err(busy)?;
    file.flush()?;
    output::facts(json, &[("outcome", json!("exported")), ("events", json!(lines))])?;
    Ok(ExitCode::SUCCESS)
}

/// The spool, if there is one: looking makes none.
fn opened(settings: &SpoolSettings) -> Result<Option<Spool>, SpoolError> {
    if !Spool::path(&settings.folder).exists() {
        return Ok(None);
    }
    let limits = SpoolLimits { bytes: settings.max_bytes, age: settings.max_age };
    Spool::open(&settings.folder, limits).map(Some)
}

fn busy(error: SpoolError) -> anyhow::Error {
    match error {
        SpoolError::InUse(_) => {
            anyhow::anyhow!("{error}: a running webhook-ingest drains its spool by itself; stop it first")
        }
        error => error.into(),
    }
}

/// What the running ingest says of its spool.
async fn ask(metrics_bind: SocketAddr) -> anyhow::Result<SpoolReport> {
    let url = format!("http://{metrics_bind}/spool");
    // Building a client needs one, though nothing here is encrypted; a second installation is refused harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(ASK_WITHIN).build()?;
    let asked = async { client.get(&url).send().await?.error_for_status()?.json().await };
    asked.await.with_context(|| format!("the webhook-ingest that has the spool does not answer at {url}"))
}
