//! `textproof phone`: budgets, waits and the last message of one number, masked.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};
use textproof::store::{DeliveryRecord, PhoneState, Store};
use textproof_service::{assemble, config::Config};

use crate::{arguments, output};

pub(crate) async fn run(
    config: &Config,
    options: arguments::PhoneOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let store = assemble::shared_store(config)?;
    let gateways = assemble::gateways(config, &store)?;
    let otp = assemble::otp(config, std::sync::Arc::clone(&store), gateways)?;
    let phone = super::any_phone(config, &options.phone)?;
    let state = otp.phone_state(&phone).await.context("the phone could not be read")?;
    let delivery = delivery(&*store, &state).await?;
    let facts = facts(&phone.masked(), &state, delivery);
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}

async fn delivery(store: &dyn Store, state: &PhoneState) -> anyhow::Result<Option<DeliveryRecord>> {
    match &state.last_message {
        Some(message) => store.delivery(message).await.context("the delivery could not be read"),
        None => Ok(None),
    }
}

fn facts(phone: &str, state: &PhoneState, delivery: Option<DeliveryRecord>) -> Vec<(&'static str, Value)> {
    let seconds = |wait: Duration| super::whole_seconds(wait);
    let codes: Vec<_> = state
        .codes
        .iter()
        .map(|code| {
            json!({
                "purpose": code.purpose,
                "in_session": code.in_session,
                "used": code.used,
                "guesses_left": code.guesses_left,
                "expires_in_seconds": seconds(code.expires_in),
            })
        })
        .collect();
    let failures: Vec<_> = state
        .failures
        .iter()
        .map(|failed| {
            json!({
                "purpose": failed.purpose,
                "in_a_row": failed.in_a_row,
                "locked": failed.locked,
                "longest_wait_seconds": seconds(failed.longest_wait),
            })
        })
        .collect();
    let status = delivery.map(|record| {
        record.status.map_or("no report yet".into(), |status| format!("{status:?}").to_lowercase())
    });
    vec![
        ("phone", json!(phone)),
        ("sends", json!(state.sends)),
        ("sends_left", json!(state.sends_left)),
        ("next_send_in_seconds", json!(seconds(state.next_send_in))),
        ("codes", json!(codes)),
        ("failures", json!(failures)),
        ("last_message", json!(state.last_message.as_ref().map(|message| &message.message_id))),
        ("last_gateway", json!(state.last_message.as_ref().map(|message| &message.gateway))),
        ("last_delivery", json!(status)),
        ("erased_at_ms", json!(state.erased_at_ms)),
    ]
}
