//! `textproof verify`: exit 0 means verified, and nothing else does.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use textproof::{Verdict, VerifyOptions};
use textproof_service::{config::Config, exit};

use crate::{arguments, output};

pub(crate) async fn run(
    config: &Config,
    options: arguments::VerifyOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let otp = super::otp(config)?;
    let (phone, purpose) = super::parsed(&otp, &options.phone, &options.purpose)?;
    let check = VerifyOptions {
        handle: options.handle.as_deref(),
        session: options.session.as_deref(),
        address: super::OPERATOR,
        request: None,
    };
    let verdict = otp.verify(&phone, &purpose, &options.code, check).await.context("nothing was decided")?;
    output::facts(json, &facts(&verdict))?;
    Ok(if verdict.is_verified() { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}

fn facts(verdict: &Verdict) -> Vec<(&'static str, Value)> {
    let mut facts = vec![("verdict", json!(verdict.as_str()))];
    match verdict {
        Verdict::Incorrect { attempts_left } => facts.push(("attempts_left", json!(attempts_left))),
        Verdict::Exhausted { retry_after } => {
            facts.push(("retry_after_seconds", json!(super::whole_seconds(*retry_after))));
        }
        Verdict::Throttled { retry_after } => {
            facts.push(("retry_after_seconds", json!(retry_after.map(super::whole_seconds))));
        }
        Verdict::Verified { receipt, .. } => facts.push(("receipt", json!(receipt.as_str()))),
        _ => {}
    }
    facts
}
