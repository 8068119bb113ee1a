//! `textproof status`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct StatusOptions {
    /// Look again every so many seconds (2 without a number) until Ctrl-C: on a terminal one table that is drawn anew,
    /// elsewhere a block, or with --json a line, for each look.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub(crate) watch: Option<u64>,
}
