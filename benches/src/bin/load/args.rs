//! The command line. Every number has an upper bound: a run stops by itself, in memory that a laptop has.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum, value_parser};

/// Measures operations per second beside a yardstick in the same run.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
pub(crate) struct Args {
    /// What to measure.
    pub(crate) measured: Measured,
    /// Concurrent callers, each with a connection of its own; and connections of redis-benchmark.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) tasks: u16,
    /// Length of one leg; there are four to ten legs in a round.
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
    /// Requests with different bodies that are signed beforehand; for `ingest`, whose legs must not need more.
    #[arg(long, default_value_t = 250_000, value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    pub(crate) requests: u32,
    /// Events of a drain; for `worker`.
    #[arg(long, default_value_t = 500_000, value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    pub(crate) events: u32,
    /// Events of the backlog in which memory is watched; for `worker`.
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    pub(crate) backlog: u32,
    /// Another build of webhook-ingest, as a further side; for `ingest`.
    #[arg(long)]
    pub(crate) beside: Option<PathBuf>,
    /// Replicas that must confirm what was stored; for `ingest`.
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u32).range(0..=2))]
    pub(crate) replicas: u32,
    /// Receivers on CPU 0, callers and Redis on CPU 1; for `ingest`. Needs `taskset`.
    #[arg(long)]
    pub(crate) pinned: bool,
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
    Publish,
    /// `webhook-ingest` over HTTP beside a bare handler, and receivers in Go and Express that only log.
    Ingest,
    /// The worker's engine: drain, publish to effect, memory, rest.
    Worker,
}

impl Args {
    pub(crate) fn leg(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}
