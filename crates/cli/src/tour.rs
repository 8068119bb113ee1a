//! `textproof tour`: the whole story, step by step, on real HTTP; a table at the end.
//!
//! The table is the same on every store: nothing in it depends on ids, ports or times.

mod inbox;
mod steps;
mod webhook;

use std::{process::ExitCode, sync::Arc, time::Duration};

use serde_json::json;
use textproof::store::{MemoryStore, RedisSettings, RedisStore, Store, redis::KeyPrefix};
use textproof_service::{config::ConfigError, exit, shutdown::shutdown_signal};

use crate::{
    arguments::TourOptions,
    local::{Binds, Local},
    output,
};

/// How long one step may take; nothing in a healthy tour takes a second.
const PATIENCE: Duration = Duration::from_secs(15);

/// One step: what is shown, and what held or what was seen instead.
struct Step {
    what: &'static str,
    held: anyhow::Result<String>,
}

pub(crate) async fn run(options: TourOptions, json: bool) -> anyhow::Result<ExitCode> {
    let shutdown = shutdown_signal();
    let any = "127.0.0.1:0".parse()?;
    let local =
        Local::start(store(options)?, Binds { sandbox: any, ingest: any }, None, shutdown.clone()).await?;
    if !json {
        output::line(&format!(
            "sandbox on http://{}, ingest on http://{}\n",
            local.sandbox.addr(),
            local.ingest
        ))?;
    }
    let told = shutdown.run_until_cancelled(steps::walk(&local)).await;
    local.stop().await;
    let Some(steps) = told else { anyhow::bail!("interrupted") };
    let held = steps.iter().all(|step| step.held.is_ok());
    print(&steps, held, json)?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}

fn store(options: TourOptions) -> anyhow::Result<Arc<dyn Store>> {
    let Some(url) = options.redis else {
        return Ok(Arc::new(MemoryStore::new()));
    };
    let mut settings = RedisSettings::new(url);
    settings.key_prefix = KeyPrefix::new("tour:")?;
    let store = RedisStore::new(&settings)
        .map_err(|error| ConfigError::invalid("--redis", "the command line", error.to_string()))?;
    Ok(Arc::new(store))
}

fn print(steps: &[Step], held: bool, json: bool) -> std::io::Result<()> {
    let told = |step: &Step| match &step.held {
        Ok(detail) => detail.clone(),
        Err(error) => format!("{error:#}"),
    };
    if json {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| json!({ "step": step.what, "held": step.held.is_ok(), "detail": told(step) }))
            .collect();
        return output::line(&json!({ "held": held, "steps": steps }).to_string());
    }
    let rows = steps.iter().map(|step| {
        [step.what.to_owned(), if step.held.is_ok() { "held" } else { "BROKEN" }.to_owned(), told(step)]
    });
    output::table(["step", "", "what was seen"], rows)?;
    let broken = steps.iter().filter(|step| step.held.is_err()).count();
    output::line(&format!("\n{} steps, {broken} broken", steps.len()))
}
