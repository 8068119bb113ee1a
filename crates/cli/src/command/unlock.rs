//! `textproof unlock`: exit 0 means that there was something to forget.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use textproof::Purpose;
use textproof_service::{config::Config, exit};

use crate::{arguments, output};

pub(crate) async fn run(
    config: &Config,
    options: arguments::UnlockOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let otp = super::otp(config)?;
    let phone = super::any_phone(config, &options.phone)?;
    let purpose = options.purpose.map(Purpose::new).transpose();
    let purpose = purpose.map_err(|error| super::usage("--purpose", error))?;
    let unlocked = otp.unlock(&phone, purpose.as_ref()).await.context("nothing was unlocked")?;
    let word = if unlocked { "unlocked" } else { "no_failures" };
    output::facts(json, &[("outcome", json!(word)), ("phone", json!(phone.masked()))])?;
    Ok(if unlocked { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}
