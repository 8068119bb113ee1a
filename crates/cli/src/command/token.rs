//! `textproof token`: whether the fleet's gateway token is there or can be had.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use textproof_service::{assemble, config::Config};

use crate::output;

pub(crate) async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let store = assemble::shared_store(config)?;
    let gateway = assemble::gateway(config, &store)?;
    gateway.check().await.context("no access to the gateway")?;
    output::facts(json, &[("gateway", json!(gateway.name())), ("credentials", json!("accepted"))])?;
    Ok(ExitCode::SUCCESS)
}
