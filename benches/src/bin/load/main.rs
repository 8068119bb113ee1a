//! Load generators, each beside its yardstick in the same run: `redis-benchmark` running the same script, or a
//! bare handler on the same kind of server.

mod args;
mod callers;
mod ingest;
mod pinned;
mod publish;
mod records;
mod report;
mod reserve;
mod run;
mod verify;
mod worker;
mod yardstick;

use anyhow::{Context as _, bail};
use clap::Parser as _;
use test_support::TestRedis;

use crate::args::{Args, Measured};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if args.pinned {
        // Before any thread is started, so that all of them are there.
        pinned::pin(std::process::id(), pinned::CLIENTS)?;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(usize::from(args.threads));
    let runtime = runtime.enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        // Dropping the run ends what it started.
        tokio::select! {
            ended = run(&args) => ended,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("listening for Ctrl-C")?;
                bail!("interrupted")
            }
        }
    })
}

async fn run(args: &Args) -> anyhow::Result<()> {
    if matches!(args.measured, Measured::Worker) {
        let figures = worker::run(args).await?;
        if args.json {
            println!("{}", serde_json::to_string_pretty(&figures)?);
        } else {
            print!("{figures}");
        }
        return Ok(());
    }
    if !matches!(args.measured, Measured::Ingest) {
        yardstick::assert_installed().await?;
    }
    let server = TestRedis::start().await;
    let report = match args.measured {
        Measured::Verify => verify::run(&server, args).await,
        Measured::Reserve => reserve::run(&server, args).await,
        Measured::Publish => publish::run(&server, args).await,
        Measured::Ingest => ingest::run(&server, args).await,
        Measured::Worker => bail!("the worker has servers of its own"),
    }?;
    if args.json {
        println!("{}", report.json()?);
    } else {
        print!("{report}");
    }
    Ok(())
}
