//! `textproof dead-letters`.

use clap::{Args, Subcommand};

use super::quarantine::position;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List events that no worker could act on: when they were buried, why, how often they were tried.
    List(ListOptions),
    /// Show one with its original bytes. They hold what a person wrote and who wrote it: personal data.
    Show(ShowOptions),
    /// Put dead letters back on the stream, without their failures. One that fails again is buried again.
    Redrive(ChangeOptions),
    /// Remove dead letters for good. Copies of their webhooks stay duplicates for seven days.
    Drop(ChangeOptions),
}

#[derive(Debug, Args)]
pub(crate) struct FilterOptions {
    /// Only events of this endpoint.
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Only those buried for this reason: `failures`, `fatal`, `starts` or `unreadable`.
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
}

#[derive(Debug, Args)]
pub(crate) struct ChangeOptions {
    /// Only these; without any, everything that the filters let through, the oldest first.
    #[arg(value_name = "ID", value_parser = position)]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterOptions,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Do it; without this, only what it would do is shown.
    #[arg(long)]
    pub(crate) yes: bool,
}
