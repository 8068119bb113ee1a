//! `textproof redeem`: exit 0 means that the receipt was good, and is used now.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use textproof::{RedeemOptions, Redemption};
use textproof_service::{config::Config, exit};

use crate::{arguments, output};

pub(crate) async fn run(
    config: &Config,
    options: arguments::RedeemOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let otp = super::otp(config)?;
    let (phone, purpose) = super::parsed(&otp, &options.phone, &options.purpose)?;
    let redeem = RedeemOptions { session: options.session.as_deref(), request: None };
    let answer =
        otp.redeem(&phone, &purpose, &options.receipt, redeem).await.context("nothing was decided")?;
    let (word, status) = match answer {
        Redemption::Redeemed => ("redeemed", ExitCode::SUCCESS),
        Redemption::Refused => ("refused", ExitCode::from(exit::REFUSED)),
    };
    output::facts(json, &[("outcome", json!(word)), ("phone", json!(phone.masked()))])?;
    Ok(status)
}
