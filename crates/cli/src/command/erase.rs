//! `textproof erase`: shows what is there, and forgets it with `--yes`.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use textproof_service::config::Config;

use crate::{arguments, output};

pub(crate) async fn run(
    config: &Config,
    options: arguments::EraseOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let otp = super::otp(config)?;
    let phone = otp.phone(&options.phone).map_err(|error| super::usage("PHONE", error))?;
    let state = otp.phone_state(&phone).await.context("nothing was erased")?;
    let mut facts = vec![
        ("outcome", json!(if options.yes { "erased" } else { "dry_run" })),
        ("phone", json!(phone.masked())),
        ("codes", json!(state.codes.len())),
        ("sends", json!(state.sends)),
        ("purposes_with_failures", json!(state.failures.len())),
    ];
    if options.yes {
        let erased = otp.erase(&phone).await.context("not everything was erased; run it again")?;
        facts.push(("keys_erased", json!(erased.keys)));
        facts.push(("statements_erased", json!(erased.statements)));
    } else {
        facts.push(("next", json!("add --yes to forget all of it, and what the person has said about consent; that they opted out stays")));
    }
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}
