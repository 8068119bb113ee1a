//! A worker with a handler of your own: every text becomes a file in the folder in which the worker was started.
//!
//! Run it in the place of `worker`, with the same configuration: `cargo run -p own-handler`.

use std::process::ExitCode;

use async_trait::async_trait;
use textproof::event::{Content, Event};
use worker::{Handler, HandlerError};

struct Inbox;

#[async_trait]
impl Handler for Inbox {
    fn name(&self) -> &'static str {
        "inbox"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let Content::Reply(reply) = &event.content else { return Ok(()) };
        // An event can come more than once. A file that is named by the event is there once, however often it is written.
        let written = tokio::fs::write(format!("{}.txt", event.id), &reply.text).await;
        written.map_err(|error| HandlerError::new(format!("the file cannot be written: {}", error.kind())))
    }
}

fn main() -> ExitCode {
    worker::main(async || Ok(vec![Box::new(Inbox) as Box<dyn Handler>]))
}
