//! One host of a fleet: an application with a code engine, which does what a test tells it.
//!
//! It is configured like every other binary. The first line on stdout says where it listens
//! (`control ADDR`); one test connects, and the process ends with that connection. What is asked and
//! answered goes over the connection alone, so that stdout and stderr hold only what the product writes.

mod command;
mod control;
mod host;
mod load;

use std::{net::Ipv4Addr, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;
use control::Control;
use host::Host;
use textproof_service::{
    args::CommonArgs,
    exit,
    telemetry::{self, LogFormat},
};
use tokio::{net::TcpListener, time::timeout};

const ACCEPT_DEADLINE: Duration = Duration::from_secs(30);

/// Sends and verifies codes, asks for tokens and makes load, as told over a connection.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    common: CommonArgs,
    /// Digits of a code, 6 to 8
    #[arg(long, default_value_t = 6)]
    code_length: usize,
}

fn main() -> ExitCode {
    exit::main(run)
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    telemetry::init(LogFormat::from_env()?, "info")?;
    let config = arguments.common.load_config()?;
    let mut host = Host::new(config, arguments.code_length)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("control {}", listener.local_addr()?);
    let (stream, _) = timeout(ACCEPT_DEADLINE, listener.accept()).await.context("nobody took control")??;
    let mut control = Control::new(stream)?;
    while let Some(command) = control.next().await? {
        let answer = host.obey(command, &mut control).await?;
        control.answer(&answer).await?;
    }
    Ok(ExitCode::SUCCESS)
}
