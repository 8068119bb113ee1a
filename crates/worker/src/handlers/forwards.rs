//! Forwards over HTTP: signed, never redirected, and spared while their receiver is failing.

mod attempt;
mod clients;
mod guard;
mod said;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use textproof::{
    breaker::Breaker,
    event::Event,
    forward::Destination,
    secret::FingerprintKey,
    store::{Admission, BreakerStore, CallOutcome, OPEN_FOR},
};

pub use clients::ClientError;

use self::{attempt::attempt, clients::Clients, said::Said};
use super::Forward;
use crate::{HandlerError, deadline::call_timeout};

/// How long one attempt may take, at most: below the time that a half-open breaker waits for its one call.
const ATTEMPT_AT_MOST: Duration = Duration::from_secs(10);

/// The places that events are forwarded to, by name.
///
/// Each has a circuit breaker that the fleet shares. While it is open, events wait, and their waiting is no failure of
/// theirs; then one attempt of one process shows whether the receiver is well again.
pub struct Forwards {
    places: HashMap<String, Place>,
    every_event: Vec<String>,
    clients: Clients,
}

struct Place {
    destination: Destination,
    breaker: Breaker,
    /// Whether this process has said that it is left alone.
    left_alone: AtomicBool,
}

impl Forwards {
    /// Forwards to these destinations, whose names differ. `key` names their breakers in the store.
    ///
    /// # Errors
    /// [`ClientError`] when no HTTP client can be built.
    pub fn new(
        destinations: Vec<Destination>,
        breakers: &Arc<dyn BreakerStore>,
        key: &FingerprintKey,
    ) -> Result<Self, ClientError> {
        let named = destinations.iter().filter(|destination| destination.gets_every_event());
        let every_event = named.map(|destination| destination.name().to_owned()).collect();
        let place = |destination: Destination| {
            let name = destination.name().to_owned();
            let breaker = Breaker::of_forward(Arc::clone(breakers), key, &name, destination.url().as_str());
            (name, Place { destination, breaker, left_alone: AtomicBool::new(false) })
        };
        let places = destinations.into_iter().map(place).collect();
        Ok(Self { places, every_event, clients: Clients::new()? })
    }

    /// Whether the place may be called, and if so, whether by this attempt alone.
    async fn admitted(place: &Place) -> Result<Admission, HandlerError> {
        let name = place.destination.name();
        match place.breaker.enter().await {
            Admission::Open { retry_after } => {
                count(name, "left_alone");
                if !place.left_alone.swap(true, Ordering::Relaxed) {
                    tracing::warn!(forward = name, "the forward is failing and left alone; its events wait");
                }
                Err(HandlerError::later(format!("the forward {name} is failing and left alone"), retry_after))
            }
            admission => Ok(admission),
        }
    }

    async fn tell(place: &Place, outcome: CallOutcome) {
        place.breaker.report(outcome).await;
        if outcome == CallOutcome::Answered && place.left_alone.swap(false, Ordering::Relaxed) {
            tracing::info!(forward = place.destination.name(), "the forward takes events again");
        }
    }
}

#[async_trait]
impl Forward for Forwards {
    fn knows(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn every_event(&self) -> &[String] {
        &self.every_event
    }

    async fn send(&self, name: &str, event: &Event) -> Result<(), HandlerError> {
        let Some(place) = self.places.get(name) else {
            return Err(HandlerError::fatal(format!("no forward is called {name:?}")));
        };
        let no_time = || HandlerError::new(format!("no time was left for the forward {name}"));
        // A probe that is not made is waited for.
        call_timeout(ATTEMPT_AT_MOST).ok_or_else(no_time)?;
        let admission = Self::admitted(place).await?;
        let timeout = call_timeout(ATTEMPT_AT_MOST).ok_or_else(no_time)?;
        let client = self.clients.for_destination(&place.destination);
        let said = attempt(client, &place.destination, event, timeout).await;
        count(name, said.as_str());
        let outcome = said.health();
        Self::tell(place, outcome).await;
        judged(name, &said, outcome, admission)
    }
}

/// What an attempt means for the event. It counts as a failure of the event only when the place was thought to be
/// well: a probe that fails, and a place that asks for time, say nothing of the event.
fn judged(name: &str, said: &Said, outcome: CallOutcome, admission: Admission) -> Result<(), HandlerError> {
    let Some(problem) = said.problem() else { return Ok(()) };
    let problem = format!("the forward {name} {problem}");
    Err(match (outcome, admission) {
        (CallOutcome::ToldToWait(wait), _) => HandlerError::later(problem, wait),
        (CallOutcome::Failed, Admission::Probe) => HandlerError::later(problem, OPEN_FOR),
        _ => HandlerError::new(problem),
    })
}

fn count(name: &str, outcome: &'static str) {
    let name = name.to_owned();
    metrics::counter!("textproof_worker_forwards_total", "forward" => name, "outcome" => outcome)
        .increment(1);
}

impl fmt::Debug for Forwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwards").field("names", &self.places.keys()).finish_non_exhaustive()
    }
}
