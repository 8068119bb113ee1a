//! Figures that are no ratio to `redis-benchmark`: bytes for each live code, growth, latency at half load, memory,
//! and whether the time of an answer tells who has an account. Each starts its own servers and stops by itself.

mod bytes;
mod enumeration;
mod growth;
mod ingest;
mod latency;
mod verifying;

use clap::{Parser, ValueEnum, value_parser};

/// Prints figures of the code engine and the ingest, each with what it is held against.
#[derive(Debug, Parser)]
#[command(name = "figures")]
struct Args {
    /// What to measure.
    measured: Measured,
    /// Live codes on the large side.
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    codes: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Measured {
    /// Bytes in Redis for each live code, and for the sends of its phone.
    Bytes,
    /// Checks a second with many live codes against a thousand.
    Growth,
    /// p99 of `verify` at half load against PING's.
    Latency,
    /// p99 of `webhook-ingest` at half load against a bare handler's, and its memory over a million requests.
    Ingest,
    /// Times of checks and sends for phones with and without an account.
    Enumeration,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match args.measured {
            Measured::Bytes => bytes::run(args.codes).await,
            Measured::Growth => growth::run(args.codes).await,
            Measured::Latency => latency::run().await,
            Measured::Ingest => ingest::run().await,
            Measured::Enumeration => enumeration::run().await,
        }
    })
}
