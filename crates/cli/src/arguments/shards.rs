//! `textproof shards`.

use clap::{Args, Subcommand};
use textproof::store::SHARDS_AT_MOST;

#[derive(Debug, Subcommand)]
pub(crate) enum ShardsCommand {
    /// Show in how many shards events are, and what is in each.
    Show,
    /// Change the number, when nothing is left that another number would hide. Stop webhook-ingest and worker first.
    Set(SetOptions),
}

#[derive(Debug, Args)]
pub(crate) struct SetOptions {
    /// How many there are from now on.
    #[arg(value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(SHARDS_AT_MOST)))]
    pub(crate) shards: u16,
    /// Do not wait until identities are forgotten: a copy of a webhook of the last seven days may act a second time.
    #[arg(long)]
    pub(crate) duplicates_possible: bool,
    /// Do it; without this, only what is in the way is shown.
    #[arg(long)]
    pub(crate) yes: bool,
}
