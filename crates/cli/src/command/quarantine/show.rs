//! `textproof quarantine show`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use data_encoding::BASE64;
use serde_json::json;
use textproof::stream::Quarantine;
use textproof_service::exit;

use super::received_at;
use crate::{
    arguments::quarantine::ShowOptions,
    command::{printable::printable, usage},
    output,
};

/// How much of a body a terminal gets.
const SHOWN_BYTES: usize = 4 * 1024;

pub(super) async fn run(
    quarantine: &Quarantine,
    options: &ShowOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    if options.raw && json {
        return Err(usage("--raw", "with --json the bytes are in `body_base64`").into());
    }
    let entry = quarantine.get(&options.id).await.context("the quarantine could not be read")?;
    let Some(entry) = entry else {
        if !options.raw {
            output::facts(json, &[("outcome", json!("not_found")), ("id", json!(options.id))])?;
        }
        return Ok(ExitCode::from(exit::REFUSED));
    };
    let raw = entry.raw();
    if options.raw {
        io::stdout().lock().write_all(raw)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut facts = vec![
        ("id", json!(entry.position())),
        ("received_at", json!(received_at(&entry))),
        ("endpoint", json!(entry.endpoint)),
        ("reason", json!(entry.reason)),
        ("bytes", json!(raw.len())),
    ];
    if json {
        facts.push(("body_base64", json!(BASE64.encode(raw))));
    } else {
        let shown = &raw[..raw.len().min(SHOWN_BYTES)];
        facts.push(("body", json!(printable(shown))));
        if shown.len() < raw.len() {
            facts.push(("not_shown", json!(format!("{} bytes: --raw", raw.len() - shown.len()))));
        }
    }
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}
