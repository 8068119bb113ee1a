//! What the sandbox is told at start-up.

use std::{fmt, net::SocketAddr, time::Duration};

use reqwest::Url;
use serde::Deserialize;

/// More retries than any gateway makes; keeps a typing error from keeping a webhook alive for ever.
const MAX_RETRIES: usize = 20;
const MAX_WEBHOOKS: usize = 16;
const MAX_DELAY: Duration = Duration::from_secs(3600);

/// Everything that can be set; [`Settings::default`] is what the binary documents.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen; port 0 picks a free one.
    pub bind: SocketAddr,
    /// The only Connexus client id that is given a token.
    pub client_id: String,
    /// The secret that belongs to `client_id`.
    pub client_secret: String,
    /// The only Mobile API Connect key that is accepted.
    pub api_key: String,
    /// Where Connexus replies and delivery reports go; tried in turn, one per attempt.
    pub connexus_webhooks: Vec<String>,
    /// Where Mobile API Connect replies go; tried in turn, one per attempt.
    pub mac_webhooks: Vec<String>,
    /// Key of the `X-MAC-Signature` HMAC, used as its UTF-8 bytes.
    pub mac_secret: String,
    /// Pauses before the second, third, … attempt of a webhook; as many retries as entries.
    pub retry_delays: Vec<Duration>,
    /// How long one webhook attempt may take.
    pub webhook_timeout: Duration,
    /// `expires_in` of issued tokens, in seconds; they are refused afterwards.
    pub token_lifetime_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8085)),
            client_id: "cid_sandbox".into(),
            client_secret: "csk_sandbox".into(),
            api_key: "sk_live_sandbox".into(),
            connexus_webhooks: Vec::new(),
            mac_webhooks: Vec::new(),
            mac_secret: "whsec_sandbox".into(),
            retry_delays: [1, 5, 25].map(Duration::from_secs).to_vec(),
            webhook_timeout: Duration::from_secs(5),
            token_lifetime_seconds: 86_400,
        }
    }
}

impl Settings {
    /// Looks for values that could never work. [`crate::start`] calls it before it binds.
    ///
    /// # Errors
    /// The first value that cannot be used, named but never shown.
    pub fn check(&self) -> Result<(), SettingsError> {
        for (name, value) in [
            ("client id", &self.client_id),
            ("client secret", &self.client_secret),
            ("api key", &self.api_key),
            ("mac secret", &self.mac_secret),
        ] {
            if value.is_empty() {
                return Err(SettingsError(format!("the {name} must not be empty")));
            }
        }
        if self.token_lifetime_seconds == 0 {
            return Err(SettingsError("the token lifetime must be at least 1 second".into()));
        }
        if self.webhook_timeout.is_zero() {
            return Err(SettingsError("the webhook timeout must not be zero".into()));
        }
        if self.retry_delays.len() > MAX_RETRIES {
            return Err(SettingsError(format!("at most {MAX_RETRIES} retry delays")));
        }
        if self.retry_delays.iter().any(|delay| *delay > MAX_DELAY) {
            return Err(SettingsError("a retry delay is at most one hour".into()));
        }
        parse_urls("connexus", &self.connexus_webhooks)?;
        parse_urls("mac", &self.mac_webhooks)?;
        Ok(())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Webhook URLs carry path secrets: only their number is told.
        f.debug_struct("Settings")
            .field("bind", &self.bind)
            .field("client_id", &self.client_id)
            .field("connexus_webhooks", &self.connexus_webhooks.len())
            .field("mac_webhooks", &self.mac_webhooks.len())
            .field("retry_delays", &self.retry_delays)
            .field("webhook_timeout", &self.webhook_timeout)
            .field("token_lifetime_seconds", &self.token_lifetime_seconds)
            .finish_non_exhaustive()
    }
}

/// New webhook addresses; `None` leaves a list as it is, an empty list turns its webhooks off.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Where Connexus replies and delivery reports go.
    #[serde(default)]
    pub connexus: Option<Vec<String>>,
    /// Where Mobile API Connect replies go.
    #[serde(default, alias = "mobile-api-connect")]
    pub mobile_api_connect: Option<Vec<String>>,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |list: &Option<Vec<String>>| list.as_ref().map(Vec::len);
        f.debug_struct("Webhooks")
            .field("connexus", &count(&self.connexus))
            .field("mobile_api_connect", &count(&self.mobile_api_connect))
            .finish()
    }
}

/// A setting that cannot be used; the message names it and never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(String);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

/// Reads delays such as `1s,5s,25s` or `50ms`; units are `ms`, `s` and `m`. Empty text is no delay at all.
///
/// # Errors
/// Says which entry has no number or no known unit.
pub fn parse_delays(text: &str) -> Result<Vec<Duration>, SettingsError> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(parse_delay).collect()
}

fn parse_delay(text: &str) -> Result<Duration, SettingsError> {
    let wrong = || SettingsError(format!("`{text}` is not a delay: a whole number followed by ms, s or m"));
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    millis.map(Duration::from_millis).ok_or_else(wrong)
}

/// Parses webhook addresses; an address is never repeated in an error, because it carries a secret.
pub(crate) fn parse_urls(side: &str, urls: &[String]) -> Result<Vec<Url>, SettingsError> {
    if urls.len() > MAX_WEBHOOKS {
        return Err(SettingsError(format!("at most {MAX_WEBHOOKS} {side} webhooks")));
    }
    let parse = |(index, text): (usize, &String)| match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(SettingsError(format!("{side} webhook {} is not an http or https address", index + 1))),
    };
    urls.iter().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_have_units() {
        let expected = [Duration::from_secs(1), Duration::from_millis(50), Duration::from_secs(120)];
        assert_eq!(parse_delays("1s, 50ms,2m").unwrap(), expected);
        assert!(parse_delays("").unwrap().is_empty());
        for wrong in ["1", "s", "-1s", "1h", "1.5s", "99999999999999999999s", "18446744073709551615m"] {
            assert!(parse_delays(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_webhook_is_named_but_not_shown() {
        let settings =
            Settings { connexus_webhooks: vec!["ftp://host/s3cret".into()], ..Settings::default() };
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("connexus webhook 1"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let settings = Settings {
            client_secret: "c4nary".into(),
            api_key: "c4nary".into(),
            mac_secret: "c4nary".into(),
            connexus_webhooks: vec!["http://host/c4nary".into()],
            ..Settings::default()
        };
        assert!(!format!("{settings:?}").contains("c4nary"));
        let webhooks = Webhooks { connexus: Some(settings.connexus_webhooks), mobile_api_connect: None };
        assert!(!format!("{webhooks:?}").contains("c4nary"));
    }
}
