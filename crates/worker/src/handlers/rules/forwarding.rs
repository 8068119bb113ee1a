//! One event to several places: each is tried, and what has it does not get it again because of the others.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use textproof::{event::Event, store::ForwardedStore};

use crate::HandlerError;

/// Hands an event to a place that has a name. Sending twice must be harmless: the event's id is the key.
#[async_trait]
pub trait Forward: Send + Sync {
    /// Whether there is a place of this name.
    fn knows(&self, name: &str) -> bool;

    /// Names of the places that get every event, whatever rules say.
    fn every_event(&self) -> &[String];

    /// Sends the event there.
    ///
    /// # Errors
    /// [`HandlerError`] when it did not arrive.
    async fn send(&self, name: &str, event: &Event) -> Result<(), HandlerError>;
}

/// Forwards with a memory: what else of an event is tried again does not repeat what has arrived.
pub struct Forwarding {
    forward: Arc<dyn Forward>,
    arrived: Arc<dyn ForwardedStore>,
}

impl Forwarding {
    /// Forwards by `forward`, and keeps in `arrived` which places have an event of which something failed.
    #[must_use]
    pub fn new(forward: Arc<dyn Forward>, arrived: Arc<dyn ForwardedStore>) -> Self {
        Self { forward, arrived }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.forward.knows(name)
    }

    /// Sends the event to the places that are named and to those that get everything, all at once and beside whatever
    /// else is `done` with it: one that hangs takes nothing of the others' time.
    pub(super) async fn send(
        &self,
        event: &Event,
        named: &[String],
        done: Option<impl Future<Output = Result<(), HandlerError>>>,
    ) -> Result<(), HandlerError> {
        let unnamed = self.forward.every_event().iter().filter(|name| !named.contains(name));
        let places: Vec<&str> = named.iter().chain(unnamed).map(String::as_str).collect();
        // Where there is one thing to do, there is nothing that could be done already.
        let several = places.len() + usize::from(done.is_some()) > 1;
        let had =
            if several && !places.is_empty() { self.arrived.forwarded(&event.id).await? } else { Vec::new() };
        let missing = places.into_iter().filter(|place| !had.iter().any(|had| had == place));
        let sends = missing.map(async |place| (place, self.forward.send(place, event).await));
        let done = async {
            match done {
                Some(done) => done.await,
                None => Ok(()),
            }
        };
        let (done, sent) = join(done, join_all(sends)).await;
        let arrived: Vec<&str> =
            sent.iter().filter(|(_, sent)| sent.is_ok()).map(|(place, _)| *place).collect();
        let errors = sent.iter().filter(|(_, sent)| sent.is_err()).count() + usize::from(done.is_err());
        if errors == 0 {
            if !had.is_empty() {
                self.keep(self.arrived.forget_forwarded(&event.id).await);
            }
        } else if several && !arrived.is_empty() {
            self.keep(self.arrived.keep_forwarded(&event.id, &arrived).await);
        }
        sent.into_iter().map(|(_, sent)| sent).fold(done, decided)
    }

    /// At worst, somebody gets a second copy, and tells it by its id.
    fn keep(&self, kept: Result<(), textproof::store::StoreError>) {
        if let Err(error) = kept {
            tracing::warn!(%error, "it could not be kept where an event has arrived");
        }
    }
}

fn decided(one: Result<(), HandlerError>, other: Result<(), HandlerError>) -> Result<(), HandlerError> {
    match (one, other) {
        (Err(one), Err(other)) => Err(one.or(other)),
        (one, other) => one.and(other),
    }
}

impl fmt::Debug for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forwarding")
    }
}
