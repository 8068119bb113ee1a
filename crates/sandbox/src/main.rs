//! The `sandbox` binary: both gateways and a phone, on one port.

mod args;
mod telemetry;

use std::{io, process::ExitCode};

use args::Start;
use sandbox::Settings;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let settings = match args::read() {
        Start::Run(settings) => *settings,
        Start::Exit(code) => return code,
    };
    if let Err(error) = telemetry::init() {
        eprintln!("sandbox: {error}");
        return ExitCode::from(args::EX_USAGE);
    }
    match tokio::runtime::Runtime::new().and_then(|runtime| runtime.block_on(run(settings))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::from(args::FAULT)
        }
    }
}

async fn run(settings: Settings) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    let sandbox = sandbox::start(settings, shutdown.clone()).await?;
    println!("listening on http://{}", sandbox.addr());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("sandbox.stopping");
    shutdown.cancel();
    sandbox.stopped().await;
    Ok(())
}
