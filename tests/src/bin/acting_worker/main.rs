//! A worker whose own handler does what a text says: so a test can have an event fail, hang, or take the process down.
//!
//! It is configured like every other worker, and by two variables more: `ACTING_LEDGER`, the URL of a Redis database
//! that keeps what was done, and `ACTING_TARGET`, a URL to which each event is posted, if it is set.

mod act;
mod ledger;
mod target;

use std::process::ExitCode;

use act::ActAsTold;
use anyhow::Context;
use ledger::Ledger;
use target::Target;
use worker::Handler;

fn main() -> ExitCode {
    worker::main(async || {
        let ledger = std::env::var("ACTING_LEDGER").context("ACTING_LEDGER is not set")?;
        let target = std::env::var("ACTING_TARGET").ok().map(Target::new).transpose()?;
        let handler = ActAsTold::new(Ledger::new(&ledger)?, target);
        Ok(vec![Box::new(handler) as Box<dyn Handler>])
    })
}
