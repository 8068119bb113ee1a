//! The handler: each start of an event is noted, then a step of its script is played.

use async_trait::async_trait;
use textproof::event::{Content, Event};
use worker::{Handler, HandlerError};

use crate::{ledger::Ledger, target::Target};

/// Plays the text of a reply: steps with commas between them, one for each start of the event, the last one again and
/// again. `fail`, `fatal`, `panic`, `hang` and `abort` do what they are called; every other step, and every other
/// event, takes effect.
pub(crate) struct ActAsTold {
    ledger: Ledger,
    target: Option<Target>,
}

impl ActAsTold {
    pub(crate) fn new(ledger: Ledger, target: Option<Target>) -> Self {
        Self { ledger, target }
    }
}

#[async_trait]
impl Handler for ActAsTold {
    fn name(&self) -> &'static str {
        "act as told"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let script = match &event.content {
            Content::Reply(reply) => reply.text.as_str(),
            _ => "",
        };
        let id = event.id.as_str();
        let start = self.ledger.note_start(id).await.map_err(|error| failed(&error))?;
        match script.split(',').nth(start - 1).or(script.rsplit(',').next()) {
            Some("fail") => return Err(HandlerError::new("told to fail")),
            Some("fatal") => return Err(HandlerError::fatal("told to fail for good")),
            Some("panic") => panic!("told to panic"),
            Some("hang") => std::future::pending().await,
            Some("abort") => std::process::abort(),
            _ => {}
        }
        self.ledger.take_effect(id).await.map_err(|error| failed(&error))?;
        match &self.target {
            Some(target) => target.post(event).await,
            None => Ok(()),
        }
    }
}

fn failed(error: &redis::RedisError) -> HandlerError {
    HandlerError::new(format!("the ledger: {error}"))
}
