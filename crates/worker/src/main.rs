//! The worker with the handlers that every worker has. `examples/own-handler` has one more.

use std::process::ExitCode;

fn main() -> ExitCode {
    worker::main(async || Ok(Vec::new()))
}
