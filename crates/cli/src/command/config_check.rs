//! `textproof config check`: every section that is set must be usable.

use std::process::ExitCode;

use textproof_service::config::Config;

use crate::output;

pub(crate) fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    config.redis()?;
    config.require_ingest()?;
    config.require_worker()?;
    if json {
        output::line(&config.effective().to_string())?;
    } else {
        output::line(config.effective_toml().trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}
