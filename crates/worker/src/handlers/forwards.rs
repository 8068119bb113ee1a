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
    event::Event,
    forward::Destination,
    secret::{Fingerprint, FingerprintKey},
    store::{Admission, BreakerStore, CallOutcome, OPEN_FOR},
};

pub use clients::ClientError;

use self::{attempt::attempt, clients::Clients, said::Said};
use super::Forward;
use crate::{HandlerError, time_left};

/// How long one attempt may take, at most: below the time that a half-open breaker waits for its one call.
const ATTEMPT_AT_MOST: Duration = Duration::from_secs(10);
/// What is kept of an event's time, so that there is some left to say how the attempt ended.
const KEPT_FOR_THE_END: Duration = Duration::from_millis(500);
/// An attempt with less than this is not begun.
const ATTEMPT_AT_LEAST: Duration = Duration::from_millis(100);

/// The places that events are forwarded to, by name.
///
/// Each has a circuit breaker that the fleet shares. While it is open, events wait, and their waiting is no failure of
/// theirs; then one attempt of one process shows whether the receiver is well again.
pub struct Forwards {
    places: HashMap<String, Place>,
    every_event: Vec<String>,
    clients: Clients,
    breakers: Arc<dyn BreakerStore>,
}

struct Place {
    destination: Destination,
    breaker: Fingerprint,
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
        breakers: Arc<dyn BreakerStore>,
        key: &FingerprintKey,
    ) -> Result<Self, ClientError> {
        let named = destinations.iter().filter(|destination| destination.gets_every_event());
        let every_event = named.map(|destination| destination.name().to_owned()).collect();
        let place = |destination: Destination| {
            let breaker = key.forward_breaker(destination.name());
            let name = destination.name().to_owned();
            (name, Place { destination, breaker, left_alone: AtomicBool::new(false) })
        };
        let places = destinations.into_iter().map(place).collect();
        Ok(Self { places, every_event, clients: Clients::new()?, breakers })
    }

    /// Whether the place may be called, and if so, whether by this attempt alone.
    async fn admitted(&self, place: &Place) -> Result<Admission, HandlerError> {
        let name = place.destination.name();
        match self.breakers.enter(&place.breaker).await {
            Ok(Admission::Open { retry_after }) => {
                count(name, "left_alone");
                if !place.left_alone.swap(true, Ordering::Relaxed) {
                    tracing::warn!(forward = name, "the forward is failing and left alone; its events wait");
                }
                Err(HandlerError::later(format!("the forward {name} is failing and left alone"), retry_after))
            }
            Ok(admission) => Ok(admission),
            Err(error) => {
                // The breaker spares a receiver; without its word the event still has to arrive.
                tracing::warn!(%error, "the circuit breaker could not be asked");
                Ok(Admission::Allowed)
            }
        }
    }

    async fn tell(&self, place: &Place, outcome: CallOutcome) {
        if let Err(error) = self.breakers.report(&place.breaker, outcome, false).await {
            tracing::warn!(%error, "the circuit breaker could not be told");
        }
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
        let Some(timeout) = attempt_timeout(time_left()) else {
            return Err(HandlerError::new(format!("no time was left for the forward {name}")));
        };
        let admission = self.admitted(place).await?;
        let client = self.clients.for_destination(&place.destination);
        let said = attempt(client, &place.destination, event, timeout).await;
        count(name, said.as_str());
        let outcome = said.health();
        self.tell(place, outcome).await;
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

fn attempt_timeout(left: Option<Duration>) -> Option<Duration> {
    let Some(left) = left else { return Some(ATTEMPT_AT_MOST) };
    let timeout = left.saturating_sub(KEPT_FOR_THE_END).min(ATTEMPT_AT_MOST);
    (timeout >= ATTEMPT_AT_LEAST).then_some(timeout)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_ends_before_its_event_does() {
        let ms = Duration::from_millis;
        for (left, timeout) in [
            (None, Some(ms(10_000))),
            (Some(ms(25_000)), Some(ms(10_000))),
            (Some(ms(10_400)), Some(ms(9_900))),
            (Some(ms(833)), Some(ms(333))),
            (Some(ms(600)), Some(ms(100))),
            (Some(ms(599)), None),
            (Some(ms(0)), None),
        ] {
            assert_eq!(attempt_timeout(left), timeout, "{left:?}");
        }
    }
}
