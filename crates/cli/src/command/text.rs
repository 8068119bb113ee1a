//! `textproof text`: a text in one's own words, through the configured gateways.

use std::process::ExitCode;

use serde_json::json;
use textproof::{TextOptions, TextOutcome, Texts, gateway::MessageClass};
use textproof_service::{assemble, config::Config, exit};

use crate::{
    arguments::{Class, TextOptions as Options},
    output,
};

pub(crate) async fn run(config: &Config, options: Options, json: bool) -> anyhow::Result<ExitCode> {
    let settings = config.require_otp()?;
    let store = assemble::shared_store(config)?;
    let gateways = assemble::gateways(config, &store)?;
    let phone = textproof::PhoneNumber::parse(&options.phone, &settings.countries)
        .map_err(|error| super::usage("PHONE", error))?;
    if options.body.trim().is_empty() {
        return Err(super::usage("--body", "there is nothing to send").into());
    }
    let texts = Texts::new(settings.tenant, store, gateways, settings.fingerprint_key);
    let class = match options.class {
        Class::Transactional => MessageClass::Transactional,
        Class::Marketing => MessageClass::Marketing,
    };
    let text =
        TextOptions { class, sender: options.sender.as_deref(), reference: options.reference.as_deref() };
    let outcome = texts.send(&phone, &options.body, text).await;
    let outcome = outcome.map_err(|error| anyhow::Error::from(error).context("nothing was sent"))?;
    let phone = json!(phone.masked());
    let (facts, status) = match outcome {
        TextOutcome::Sent { gateway, accepted } => (
            vec![
                ("outcome", json!("sent")),
                ("phone", phone),
                ("gateway", json!(gateway)),
                ("message_id", json!(accepted.message_id)),
                ("parts", json!(accepted.parts)),
            ],
            ExitCode::SUCCESS,
        ),
        TextOutcome::OptedOut => (
            vec![
                ("outcome", json!("refused")),
                ("phone", phone),
                ("reason", json!("opted_out")),
                ("explanation", json!("the person has opted out, and the text advertises")),
            ],
            ExitCode::from(exit::REFUSED),
        ),
        TextOutcome::Unknown { gateway } => (
            vec![("outcome", json!("unknown")), ("phone", phone), ("gateway", json!(gateway))],
            ExitCode::from(exit::FAULT),
        ),
    };
    output::facts(json, &facts)?;
    Ok(status)
}
