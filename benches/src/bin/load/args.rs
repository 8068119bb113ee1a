//! The command line. Every number has an upper bound: a run stops by itself, in memory that a laptop has.

use std::time::Duration;

use clap::{Parser, ValueEnum, value_parser};

/// Measures operations per second beside redis-benchmark (-P 16) running the same script.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
pub(crate) struct Args {
    /// What to measure.
    pub(crate) measured: Measured,
    /// Concurrent callers, and connections of redis-benchmark.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) tasks: u16,
    /// Length of one leg; there are four to six legs in a round.
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u8).range(1..=20))]
    seconds: u8,
    /// Rounds of A B B A.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u8).range(1..=10))]
    pub(crate) rounds: u8,
    /// Live codes on each side; for `verify`.
    #[arg(long, default_value_t = 100_000, value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    pub(crate) keys: u32,
    /// Worker threads of the callers' runtime; redis-benchmark has one, too.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u8).range(1..=64))]
    pub(crate) threads: u8,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Measured {
    /// `Otp::verify` with wrong codes, and the store's part of it by itself.
    Verify,
    /// `CodeStore::reserve` for ever new phones: the script of a send.
    Reserve,
    /// `Producer::publish` of a 250-byte webhook under ever new names.
    Ingest,
}

impl Args {
    pub(crate) fn leg(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}
