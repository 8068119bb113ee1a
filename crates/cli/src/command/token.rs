//! `textproof token`: whether the fleet's gateway token is there or can be had.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use textproof_service::{assemble, config::Config};

use crate::output;

pub(crate) async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let store = assemble::shared_store(config)?;
    let mut names = Vec::new();
    for gateway in assemble::gateways(config, &store)? {
        gateway.check().await.context("no access to the gateway")?;
        names.push(gateway.name());
    }
    output::facts(json, &[("gateway", json!(names.join(", "))), ("credentials", json!("accepted"))])?;
    Ok(ExitCode::SUCCESS)
}
