//! `textproof consent`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use textproof::event::EventId;

#[derive(Debug, Subcommand)]
pub(crate) enum ConsentCommand {
    /// Show what one person has said, to which of our numbers, and the texts that show it: personal data.
    Show(ShowOptions),
    /// Write what is in force as JSON lines or CSV: personal data. Changes nothing.
    Export(ExportOptions),
    /// Merge statements from a file by their time; the later one stands, so importing twice is importing once.
    Import(ImportOptions),
    /// Texts with a word for opting out in them, such as `please stop texting me`.
    #[command(subcommand)]
    Review(ReviewCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List the texts that wait to be read, the oldest first: personal data.
    List(ReviewListOptions),
    /// Say what a text means, as of the time when it was sent: what its sender has said since stands.
    Resolve(ResolveOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// The phone, in national or international format.
    pub(crate) phone: String,
    /// Whose numbers; that of the codes unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// A new file, readable by its owner alone; without it, stdout.
    pub(crate) file: Option<PathBuf>,
    /// CSV has no texts: a spreadsheet would take some of them for formulas.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub(crate) format: Format,
    /// Only this tenant's. Bare opt-outs of people who were erased do not tell whose they are, and are left out then.
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line.
    Jsonl,
    /// With a header.
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// JSON lines, or CSV with a header, of phone, sender, consent (in or out) and at (RFC 3339); optional are tenant,
    /// `event_id`, endpoint, word and text, as `export` writes them.
    pub(crate) file: PathBuf,
    /// Whose the lines are that do not say so; that of the codes unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Do it; without this, only what it would do is shown.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReviewListOptions {
    /// Only this tenant's; all of the configuration unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveOptions {
    /// As `list` prints it.
    #[arg(value_parser = event_id)]
    pub(crate) id: EventId,
    /// What the text means.
    #[arg(value_enum)]
    pub(crate) meaning: Meaning,
    /// Only among this tenant's; all of the configuration unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Do it; without this, only the text is shown.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Meaning {
    /// The person opts out.
    Out,
    /// The person opts in.
    In,
    /// It is not about consent.
    Ignore,
}

fn event_id(text: &str) -> Result<EventId, String> {
    EventId::try_from(text.to_owned()).map_err(|error| error.to_string())
}
