//! Command line and environment of the binary.

use std::{net::SocketAddr, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use sandbox::{Settings, parse_delays};

/// Bad configuration, as sysexits.h numbers it.
pub(crate) const EX_USAGE: u8 = 64;
/// The system failed us.
pub(crate) const FAULT: u8 = 2;

/// What the command line asks for.
pub(crate) enum Start {
    Run(Box<Settings>),
    /// Everything was said already.
    Exit(ExitCode),
}

/// Reads flags and environment; what cannot work is told in one line on stderr.
pub(crate) fn read() -> Start {
    let refused = |line: &str| {
        eprintln!("sandbox: {line}");
        Start::Exit(ExitCode::from(EX_USAGE))
    };
    match Args::try_parse() {
        Ok(args) => match args.settings() {
            Ok(settings) => Start::Run(Box::new(settings)),
            Err(error) => refused(&error.to_string()),
        },
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            print!("{error}");
            Start::Exit(ExitCode::SUCCESS)
        }
        Err(error) => {
            let text = error.to_string();
            refused(text.lines().next().unwrap_or_default().trim_start_matches("error: "))
        }
    }
}

/// Plays both SMS gateways over HTTP, with a phone whose inbox can be read and that can reply.
///
/// Connexus is at /api/connexus, Mobile API Connect at /v1, the controls are at /sandbox.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(long, env = "TEXTPROOF_SANDBOX_BIND", default_value = "127.0.0.1:8085")]
    bind: SocketAddr,
    /// The Connexus client id that is given a token
    #[arg(long, env = "TEXTPROOF_SANDBOX_CLIENT_ID", default_value = "cid_sandbox")]
    client_id: String,
    /// The secret of that client
    #[arg(
        long,
        env = "TEXTPROOF_SANDBOX_CLIENT_SECRET",
        hide_env_values = true,
        default_value = "csk_sandbox"
    )]
    client_secret: String,
    /// The Mobile API Connect key that is accepted
    #[arg(
        long,
        env = "TEXTPROOF_SANDBOX_API_KEY",
        hide_env_values = true,
        default_value = "sk_live_sandbox"
    )]
    api_key: String,
    /// Where Connexus replies and delivery reports go; may repeat (comma-separated in the environment)
    #[arg(long, env = "TEXTPROOF_SANDBOX_CONNEXUS_WEBHOOK", hide_env_values = true, value_delimiter = ',')]
    connexus_webhook: Vec<String>,
    /// Where Mobile API Connect replies go; may repeat (comma-separated in the environment)
    #[arg(long, env = "TEXTPROOF_SANDBOX_MAC_WEBHOOK", hide_env_values = true, value_delimiter = ',')]
    mac_webhook: Vec<String>,
    /// Key of the X-MAC-Signature of those replies
    #[arg(
        long,
        env = "TEXTPROOF_SANDBOX_MAC_SECRET",
        hide_env_values = true,
        default_value = "whsec_sandbox"
    )]
    mac_secret: String,
    /// Pauses before each retry of a webhook, in ms, s or m; empty for no retry
    #[arg(long, env = "TEXTPROOF_SANDBOX_RETRY_DELAYS", default_value = "1s,5s,25s")]
    retry_delays: String,
    /// How long issued tokens live, in seconds
    #[arg(long, env = "TEXTPROOF_SANDBOX_TOKEN_LIFETIME_SECONDS", default_value_t = 86_400)]
    token_lifetime_seconds: u64,
}

impl Args {
    fn settings(self) -> Result<Settings, sandbox::SettingsError> {
        let settings = Settings {
            bind: self.bind,
            client_id: self.client_id,
            client_secret: self.client_secret,
            api_key: self.api_key,
            connexus_webhooks: given(self.connexus_webhook),
            mac_webhooks: given(self.mac_webhook),
            mac_secret: self.mac_secret,
            retry_delays: parse_delays(&self.retry_delays)?,
            token_lifetime_seconds: self.token_lifetime_seconds,
            ..Settings::default()
        };
        settings.check()?;
        Ok(settings)
    }
}

/// An environment variable that is set but empty gives one empty address: none was meant.
fn given(urls: Vec<String>) -> Vec<String> {
    urls.into_iter().map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let settings = Args::try_parse_from(["sandbox"]).unwrap().settings().unwrap();
        assert_eq!(format!("{settings:?}"), format!("{:?}", Settings::default()));
        assert_eq!(settings.client_secret, Settings::default().client_secret);
        assert_eq!(settings.api_key, Settings::default().api_key);
        assert_eq!(settings.mac_secret, Settings::default().mac_secret);
    }

    #[test]
    fn webhooks_may_repeat() {
        let args = ["sandbox", "--mac-webhook", "http://a/1", "--mac-webhook", "http://b/2"];
        let settings = Args::try_parse_from(args).unwrap().settings().unwrap();
        assert_eq!(settings.mac_webhooks, ["http://a/1", "http://b/2"]);
        Args::command().debug_assert();
    }
}
