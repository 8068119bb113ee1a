//! `textproof verify-signature`: what an endpoint says to a captured request, and what is wrong with it.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};
use textproof::webhook::{Endpoint, EndpointSettings, Explanation, Request, explain};
use textproof_service::{
    config::{Config, ConfigError},
    exit,
};

mod captured;

use super::usage;
use crate::{arguments::VerifySignatureOptions, output};

pub(crate) fn run(config: &Config, options: &VerifySignatureOptions, json: bool) -> anyhow::Result<ExitCode> {
    let name = &options.endpoint;
    let settings = config.endpoint_settings(name)?.ok_or_else(|| {
        let names = config.endpoint_names().join(", ");
        usage("ENDPOINT", format!("no endpoint is called {name:?}; there are: {names}"))
    })?;
    let captured = captured::read(options)?;
    let request = Request {
        headers: &captured.headers,
        path_secret: captured.path_secret.as_deref(),
        peer: options.peer,
        body: &captured.body,
    };
    let now = options.at.as_deref().map_or_else(|| Ok(Timestamp::now()), time)?;
    let explained = explain(&settings, &request, now)?;
    print(&settings, &explained, json)?;
    Ok(match explained.answer {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(exit::REFUSED),
    })
}

/// RFC 3339, or seconds since the Unix epoch as headers have them.
fn time(text: &str) -> Result<Timestamp, ConfigError> {
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = seconds.or_else(|| text.parse().ok());
    time.ok_or_else(|| {
        usage("--at", "must be a time such as 2026-12-01T00:00:00Z, or seconds since the epoch")
    })
}

fn print(settings: &EndpointSettings, explained: &Explanation, json: bool) -> anyhow::Result<()> {
    let scheme = Endpoint::new(settings.clone())?.scheme_name();
    let (verdict, reason, secret) = match &explained.answer {
        Ok(secret) => ("right", Value::Null, json!(secret)),
        Err(refused) => ("refused", json!(refused.as_str()), Value::Null),
    };
    let mut facts = vec![
        ("endpoint", json!(settings.name)),
        ("scheme", json!(scheme)),
        ("verdict", json!(verdict)),
        ("reason", reason),
        ("secret_id", secret),
    ];
    let findings =
        explained.findings.iter().map(|finding| [finding.as_str().to_owned(), finding.to_string()]);
    if json {
        let findings =
            findings.map(|[finding, explanation]| json!({ "finding": finding, "explanation": explanation }));
        facts.push(("findings", findings.collect()));
        return Ok(output::facts(true, &facts)?);
    }
    output::facts(false, &facts)?;
    if !explained.findings.is_empty() {
        output::line("")?;
        output::table(["finding", "explanation"], findings)?;
    }
    Ok(())
}
