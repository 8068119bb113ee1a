//! `textproof consent show`.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use textproof::{
    consent::{ConsentLedger, InForce, Statement},
    store::{LedgerEntry, LedgerKind, every_sender},
};
use textproof_service::config::Config;

use super::{time, word};
use crate::{
    arguments::consent::ShowOptions,
    command::{any_phone, printable::printable},
    output,
};

pub(super) async fn run(
    config: &Config,
    ledger: &ConsentLedger,
    options: ShowOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let tenant = options.tenant.as_deref().unwrap_or(config.tenant());
    let phone = any_phone(config, &options.phone)?;
    let unreadable = "consent could not be read";
    let in_force = ledger.in_force(tenant, phone.e164()).await.context(unreadable)?;
    let history = ledger.history(tenant, phone.e164()).await.context(unreadable)?;
    let facts = [
        ("phone", json!(phone.masked())),
        ("tenant", json!(tenant)),
        ("in_force", json!(in_force.iter().map(stands).collect::<Vec<_>>())),
        (
            "ledger",
            json!(history.iter().map(|(entry, said)| kept(entry, said.as_ref(), json)).collect::<Vec<_>>()),
        ),
    ];
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}

fn stands(statement: &InForce) -> Value {
    let of_all = statement.register.sender == every_sender();
    let sender = statement.said.as_ref().map(|said| said.sender.as_str());
    json!({
        "consent": word(statement.consent),
        "sender": sender.or(of_all.then_some("all")),
        "at": time(statement.at_ms),
        "event_id": statement.event.as_ref().map(ToString::to_string),
    })
}

fn kept(entry: &LedgerEntry, said: Option<&Statement>, json: bool) -> Value {
    let kind = match entry.kind {
        LedgerKind::In => "in",
        LedgerKind::Out => "out",
        LedgerKind::Asked => "asked",
        LedgerKind::Ignored => "ignored",
    };
    json!({
        "at": time(entry.at_ms),
        "kind": kind,
        "sender": said.map(|said| &said.sender),
        "endpoint": said.map(|said| &said.endpoint),
        "word": said.map(|said| &said.word),
        "event_id": entry.evidence.event.to_string(),
        "text": said.and_then(|said| shown(said, json)),
    })
}

/// The text, for a terminal written so that it can do nothing to it.
pub(super) fn shown(said: &Statement, json: bool) -> Option<String> {
    let text = said.text.as_ref()?;
    Some(if json { text.clone() } else { printable(text.as_bytes()).join("\\n") })
}
