//! `textproof risk`: what the configured limits come to. Needs no secret.

use std::process::ExitCode;

use serde_json::{Value, json};
use textproof::{
    otp::OtpSetupError,
    policy::{Policy, Risk},
};
use textproof_service::{
    config::{Config, ConfigError},
    exit,
};

use crate::{arguments, output};

pub(crate) fn run(config: &Config, options: &arguments::RiskOptions, json: bool) -> anyhow::Result<ExitCode> {
    let (policy, accepted) = (config.policy()?, config.accepted_risk());
    let risk = Risk::of(&policy);
    let mut facts = vec![
        ("per_code", figure(risk.per_code)),
        ("guesses_per_phone_and_day", json!(risk.guesses_per_phone_day)),
        ("per_phone_and_day", figure(risk.per_phone_day)),
        ("accepted_per_phone_and_day", figure(accepted.per_phone_day)),
        ("per_phone_until_locked", figure(risk.per_phone_until_locked)),
    ];
    let mut above = risk.per_phone_day > accepted.per_phone_day * (1.0 + 1e-9);
    match policy.sends_a_day().or(options.sends_per_day) {
        Some(sends) => {
            let fleet = Risk::per_fleet_day(&policy, sends);
            facts.push(("fleet_sends_a_day", json!(sends)));
            facts.push(("per_fleet_and_day", figure(fleet)));
            above |= accepted.per_fleet_day.is_some_and(|accepted| fleet > accepted * (1.0 + 1e-9));
        }
        // As at start, where a target that cannot be held against anything is refused.
        None if accepted.per_fleet_day.is_some() => {
            let problem =
                format!("{}: set otp.sends_per_day, or try --sends-per-day N", OtpSetupError::NoFleetLimit);
            let key = "otp.accepted_fleet_risk_per_million";
            return Err(ConfigError::invalid(key, "the configuration", problem).into());
        }
        None => facts.extend(fleets(&policy)),
    }
    facts.push(("accepted_per_fleet_and_day", accepted.per_fleet_day.map_or(Value::Null, figure)));
    facts.push(("verdict", json!(if above { "above what is accepted" } else { "accepted" })));
    output::facts(json, &facts)?;
    Ok(if above { ExitCode::from(exit::REFUSED) } else { ExitCode::SUCCESS })
}

/// Without a limit of the tenant's sends, what every thousand and every million of them come to.
fn fleets(policy: &Policy) -> [(&'static str, Value); 2] {
    [
        ("per_thousand_sends", figure(Risk::per_fleet_day(policy, 1_000))),
        ("per_million_sends", figure(Risk::per_fleet_day(policy, 1_000_000))),
    ]
}

/// Two figures are enough for a probability.
fn figure(probability: f64) -> Value {
    json!(format!("{probability:.1e}").parse::<f64>().unwrap_or(probability))
}
