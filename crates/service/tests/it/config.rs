use std::io::Write;

use tempfile::NamedTempFile;
use textproof_service::config::{Config, ConfigError};

mod consent;
mod defaults;
mod endpoints;
mod forwards;
mod overrides;
mod refusals;
mod rules;
mod secrets;

/// 32 bytes in base64, and another 32.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "////////////////////////////////////////////";

/// A configuration from a file's text and variables.
fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let file = file(text);
    Config::load(Some(file.path()), environment(variables))
}

fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// What is wrong with it, whichever settings find out; without the random name of the file.
fn problem(text: &str, variables: &[(&str, &str)]) -> String {
    let file = file(text);
    let loaded = Config::load(Some(file.path()), environment(variables));
    let error = loaded.and_then(|config| {
        config.redis()?;
        config.require_otp()?;
        config.gateways()?;
        config.require_ingest()?;
        config.rules()?;
        config.consent()?;
        config.forwards()?;
        config.require_worker()
    });
    let message = error.expect_err("it is refused").to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message.replace(file.path().to_str().unwrap(), "FILE")
}

/// Everything that has no default, so that a test can add what it is about.
fn complete() -> Vec<(&'static str, &'static str)> {
    vec![
        ("TEXTPROOF_REDIS_URL", "redis://127.0.0.1:6379"),
        ("TEXTPROOF_OTP_COUNTRIES", "NZ,AU"),
        ("TEXTPROOF_PEPPER", KEY),
        ("TEXTPROOF_FINGERPRINT_KEY", OTHER_KEY),
        ("MOBILE_API_CONNECT_KEY", "sk_live_1"),
    ]
}

/// [`problem`] of a complete configuration with something on top.
fn problem_with(text: &str, variables: &[(&str, &str)]) -> String {
    let mut all = complete();
    all.retain(|(name, _)| !variables.iter().any(|(other, _)| other == name));
    all.extend(variables);
    problem(text, &all)
}
