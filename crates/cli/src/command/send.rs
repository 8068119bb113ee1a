//! `textproof send`: the code is never printed.

use std::process::ExitCode;

use serde_json::{Value, json};
use textproof::{Code, CodeSource, Error, SendOptions, SendOutcome, otp::DeliveryState};
use textproof_service::{config::Config, exit};

use crate::{arguments, output};

pub(crate) async fn run(
    config: &Config,
    options: arguments::SendOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let otp = super::otp(config)?;
    let (phone, purpose) = super::parsed(&otp, &options.phone, &options.purpose)?;
    let code = options.code.as_deref().map(Code::parse).transpose();
    let code = code.map_err(|error| super::usage("--code", error))?;
    let send = SendOptions {
        comment: options.comment.as_deref(),
        web_otp_domain: options.web_otp_domain.as_deref(),
        code: code.as_ref().map_or(CodeSource::Ours, CodeSource::Given),
        session: options.session.as_deref(),
        idempotency_key: options.idempotency_key.as_deref(),
        address: super::OPERATOR,
        ..SendOptions::default()
    };
    let outcome = otp.send(&phone, &purpose, &options.company, send).await.map_err(|error| match error {
        Error::Text(error) => super::usage("the text", error).into(),
        Error::CodeLength { .. } => super::usage("--code", error).into(),
        Error::Session { .. } => super::usage("--session", error).into(),
        Error::IdempotencyKey { .. } | Error::IdempotencyConflict => {
            super::usage("--idempotency-key", error).into()
        }
        error => anyhow::Error::from(error).context("nothing was sent"),
    })?;
    output::facts(json, &facts(&outcome, &phone.masked()))?;
    Ok(match outcome {
        SendOutcome::Sent(_) => ExitCode::SUCCESS,
        SendOutcome::Refused { .. } => ExitCode::from(exit::REFUSED),
    })
}

fn facts(outcome: &SendOutcome, phone: &str) -> Vec<(&'static str, Value)> {
    match outcome {
        SendOutcome::Sent(challenge) => {
            let (delivery, message_id) = match &challenge.delivery {
                DeliveryState::Accepted { message_id } => ("accepted", message_id.as_ref()),
                DeliveryState::Pending => ("pending", None),
                DeliveryState::Unknown => ("unknown", None),
            };
            vec![
                ("outcome", json!("sent")),
                ("phone", json!(phone)),
                ("delivery", json!(delivery)),
                ("message_id", json!(message_id)),
                ("handle", json!(challenge.handle.as_ref().map(textproof::otp::Handle::as_str))),
                ("expires_in_seconds", json!(challenge.expires_in.as_secs())),
                ("next_send_in_seconds", json!(challenge.next_send_in.as_secs())),
                ("sends_left", json!(challenge.sends_left)),
                ("resent", json!(challenge.resent)),
                ("parts", json!(challenge.parts)),
            ]
        }
        SendOutcome::Refused { reason, retry_after } => vec![
            ("outcome", json!("refused")),
            ("phone", json!(phone)),
            ("reason", json!(reason.as_str())),
            ("explanation", json!(reason.to_string())),
            ("retry_after_seconds", json!(retry_after.map(super::whole_seconds))),
        ],
    }
}
