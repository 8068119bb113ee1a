//! The last handler of the local worker: shows what was acted on.

use async_trait::async_trait;
use textproof::event::Event;
use tokio::sync::broadcast;
use worker::{Handler, HandlerError};

/// Events that a slow listener may be behind; older ones are skipped.
const BACKLOG: usize = 256;

/// A broadcast of the events that every handler before this one has acted on.
#[derive(Clone, Debug)]
pub(crate) struct Feed(broadcast::Sender<Event>);

impl Feed {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}

#[async_trait]
impl Handler for Feed {
    fn name(&self) -> &'static str {
        "feed"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        // An error says that nobody listens.
        let _ = self.0.send(event.clone());
        Ok(())
    }
}
