//! `textproof quarantine`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List what is kept: when it came, where, why it was not understood; none of its bytes.
    List(ListOptions),
    /// Show one webhook with its original bytes. They hold what a person wrote and who wrote it: personal data.
    Show(ShowOptions),
    /// Read webhooks again, as their endpoints are configured now, and publish those that are understood.
    ///
    /// Published under the same identity as if they had just come, with their original receive time; then they are
    /// removed. What is not understood stays. Exit 1 when something stays.
    Replay(ReplayOptions),
}

#[derive(Debug, Args)]
pub(crate) struct FilterOptions {
    /// Only what this endpoint received.
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Only what was not understood for this reason, for example `unknown_type`.
    #[arg(long, value_name = "WORD")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub(crate) filter: FilterOptions,
    /// The oldest first, not the newest.
    #[arg(long)]
    pub(crate) oldest: bool,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) limit: u32,
    /// Go on behind this ID: the `next` of the list before.
    #[arg(long, value_name = "ID", value_parser = position)]
    pub(crate) after: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// As `list` prints it.
    #[arg(value_parser = position)]
    pub(crate) id: String,
    /// Write the original bytes to stdout and nothing else: for a file, not for a terminal.
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// Only these; without any, everything that the filters let through, the oldest first.
    #[arg(value_name = "ID", value_parser = position)]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterOptions,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Go on behind this ID: the `next` of the replay before.
    #[arg(long, value_name = "ID", value_parser = position, conflicts_with = "ids")]
    pub(crate) after: Option<String>,
    /// Do it; without this, only what would become of them is shown.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Two numbers with a hyphen between them.
pub(super) fn position(text: &str) -> Result<String, &'static str> {
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && part.parse::<u64>().is_ok();
    let well_formed = text.split_once('-').is_some_and(|(ms, rest)| {
        let (sequence, shard) = rest.split_once('.').unwrap_or((rest, "0"));
        number(ms) && number(sequence) && number(shard)
    });
    if well_formed {
        Ok(text.to_owned())
    } else {
        Err("an ID is two numbers with a hyphen, and perhaps a full stop and a shard, as `list` prints it")
    }
}
