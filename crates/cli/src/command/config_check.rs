//! `textproof config check`: every section that is used must be usable.

use std::process::ExitCode;

use textproof_service::config::Config;

use crate::output;

pub(crate) fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    config.check()?;
    if json {
        output::line(&config.effective().to_string())?;
    } else {
        output::line(config.effective_toml().trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}
