//! `textproof consent`: who wants texts from whom, and what shows it.

mod export;
mod import;
mod review;
mod row;
mod show;

use std::process::ExitCode;

use jiff::Timestamp;
use textproof::{consent::ConsentLedger, store::Consent};
use textproof_service::{
    assemble,
    config::{Config, ConfigError},
};

use crate::arguments::consent::ConsentCommand;

pub(crate) async fn run(config: &Config, command: ConsentCommand, json: bool) -> anyhow::Result<ExitCode> {
    let ledger = ledger(config)?;
    match command {
        ConsentCommand::Show(options) => show::run(config, &ledger, options, json).await,
        ConsentCommand::Export(options) => export::run(&ledger, options, json).await,
        ConsentCommand::Import(options) => import::run(config, &ledger, options, json).await,
        ConsentCommand::Review(command) => review::run(config, &ledger, command, json).await,
    }
}

fn ledger(config: &Config) -> Result<ConsentLedger, ConfigError> {
    assemble::consent_ledger(config, &assemble::shared_store(config)?)
}

fn word(consent: Consent) -> &'static str {
    match consent {
        Consent::In => "in",
        Consent::Out => "out",
    }
}

/// RFC 3339; a time that nothing could have been said at is shown as its milliseconds.
fn time(at_ms: u64) -> String {
    let time = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| at_ms.to_string(), |time| time.to_string())
}

fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}
