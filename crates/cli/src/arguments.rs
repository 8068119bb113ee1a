//! The command line.

pub(crate) mod consent;
pub(crate) mod dead_letters;
pub(crate) mod quarantine;
pub(crate) mod shards;
pub(crate) mod status;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use textproof_service::args::CommonArgs;

/// Prove that a person holds a phone number, and act once on what they text back.
#[derive(Debug, Parser)]
#[command(name = "textproof", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// Print one JSON object instead of a table.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Walk through the whole story on real HTTP; exit 0 only if every step held.
    Tour(TourOptions),
    /// Run sandbox, ingest and worker in this process, with a page to play with.
    Dev(DevOptions),
    /// Send a code through the configured gateway.
    Send(SendOptions),
    /// Send a text in your own words; one that advertises is refused to whoever has opted out.
    Text(TextOptions),
    /// Verify a code against the configured Redis.
    Verify(VerifyOptions),
    /// Look at the text of a code: encoding, parts, and whether phones will find the code in it.
    Lint(LintOptions),
    /// Redeem the receipt of a verified code, once.
    Redeem(RedeemOptions),
    /// Show budgets, waits and the last message of one phone; no number and no code is printed.
    Phone(PhoneOptions),
    /// Forget the wrong codes in a row of one phone, which may have locked it.
    Unlock(UnlockOptions),
    /// Forget everything of one phone but that it opted out, and when.
    Erase(EraseOptions),
    /// Print how likely a break-in by guessing is under the configured limits; exit 1 when above what is accepted.
    Risk(RiskOptions),
    /// Obtain, or find, the gateway's shared access token; it is never printed.
    Token,
    /// Look at a captured webhook: whether its endpoint takes it, and what is wrong with it when not.
    VerifySignature(VerifySignatureOptions),
    /// Look at configuration, Redis and gateway, and say what is not as it should be.
    Doctor,
    /// What the fleet has to do: events waiting, their age, who has them, retries, dead letters, and how fast it goes.
    Status(status::StatusOptions),
    /// Events that wait on this host's disk while Redis cannot take them.
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Who wants texts from whom: look at it, take it elsewhere, read what nobody could be sure of.
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// Events that no worker could act on: look at them, put them back on the stream, drop them.
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// What was authentic and not understood: look at it, and publish what is understood by now.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// In how many shards events are: look, and change it for the whole fleet.
    #[command(subcommand)]
    Shards(shards::ShardsCommand),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and print the effective values, with secrets masked.
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// Show how much waits, and since when.
    Status,
    /// Publish what waits, in order; for a spool whose webhook-ingest does not run.
    Drain(SpoolDrainOptions),
    /// Write what waits as JSON lines, with the original bytes in base64: personal data. Changes nothing.
    Export(SpoolExportOptions),
}

#[derive(Debug, Args)]
pub(crate) struct SpoolDrainOptions {
    /// Do it; without this, only what is there is shown.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SpoolExportOptions {
    /// A new file; without it, stdout.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TourOptions {
    /// Run it on this Redis instead of the embedded store, one tour at a time; its keys start with `tour:`.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DevOptions {
    /// Where the page is served; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4000")]
    pub(crate) bind: SocketAddr,
    /// Where the sandbox plays the gateways.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8085")]
    pub(crate) sandbox_bind: SocketAddr,
    /// Where webhooks are received.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub(crate) ingest_bind: SocketAddr,
    /// Where every event is forwarded to, signed by Standard Webhooks with a secret that is drawn and printed.
    #[arg(long, value_name = "URL")]
    pub(crate) forward: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
    /// The brand in the text.
    #[arg(long, value_name = "NAME")]
    pub(crate) company: String,
    /// What the code is for.
    #[arg(long, default_value = "login")]
    pub(crate) purpose: String,
    /// A trailing sentence, for example "Valid for 5 minutes."
    #[arg(long)]
    pub(crate) comment: Option<String>,
    /// Your own code instead of a random one.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Host of the origin-bound last line; must be configured.
    #[arg(long, value_name = "HOST")]
    pub(crate) web_otp_domain: Option<String>,
    /// The application's session: the code is good in the same one only.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) session: Option<String>,
    /// Send once under this key, whatever happens; the same key gets the same outcome.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TextOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
    /// The text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: String,
    /// What it is for: what does not belong to something that the person did is marketing.
    #[arg(long, value_enum)]
    pub(crate) class: Class,
    /// Our number or short code that it goes out from, where it is known: then opt-outs from others do not count.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) sender: Option<String>,
    /// Our reference, at most 36 characters.
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) reference: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// It belongs to something that the person did.
    Transactional,
    /// It advertises.
    Marketing,
}

#[derive(Debug, Args)]
pub(crate) struct RedeemOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
    /// The receipt that `verify` printed. It may begin with a hyphen.
    #[arg(allow_hyphen_values = true)]
    pub(crate) receipt: String,
    /// What the code was for.
    #[arg(long, default_value = "login")]
    pub(crate) purpose: String,
    /// The session that the code was sent in.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) session: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PhoneOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
}

#[derive(Debug, Args)]
pub(crate) struct UnlockOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
    /// Only for this purpose.
    #[arg(long)]
    pub(crate) purpose: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EraseOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
    /// Do it; without this, only what is there is shown.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RiskOptions {
    /// Codes that the fleet sends in a day, when no `sends_per_day` is configured.
    #[arg(long, value_name = "N")]
    pub(crate) sends_per_day: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct LintOptions {
    /// The whole text; without it, or as `-`, all of stdin, byte for byte (so printf, not echo).
    #[arg(conflicts_with_all = ["company", "comment", "web_otp_domain"])]
    pub(crate) text: Option<String>,
    /// Look at the text that `send` makes for this brand instead, with zeros for the code.
    #[arg(long, value_name = "NAME")]
    pub(crate) company: Option<String>,
    /// Its trailing sentence.
    #[arg(long, requires = "company")]
    pub(crate) comment: Option<String>,
    /// Host of its origin-bound last line; need not be configured.
    #[arg(long, value_name = "HOST", requires = "company")]
    pub(crate) web_otp_domain: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
    /// What the person typed.
    pub(crate) code: String,
    /// What the code is for.
    #[arg(long, default_value = "login")]
    pub(crate) purpose: String,
    /// The handle that `send` printed. It may begin with a hyphen.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) handle: Option<String>,
    /// The session that the code was sent in.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) session: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifySignatureOptions {
    /// The endpoint's name in the configuration.
    pub(crate) endpoint: String,
    /// The body, byte for byte; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) body: PathBuf,
    /// The headers, one a line; the request line may stand first. What follows an empty line is not read.
    #[arg(long, value_name = "FILE")]
    pub(crate) headers: Option<PathBuf>,
    /// A header, beside those of the file. Other users of the machine see arguments: secrets belong into the file.
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// The path that was posted to, where the request line is not in the file. Arguments are seen, as above.
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// The address that the connection came from, for endpoints with a list of addresses.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) peer: Option<IpAddr>,
    /// When it was received: RFC 3339, or seconds since the epoch [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
}
