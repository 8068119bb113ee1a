//! The way of an automatic reply: which gateway, when it may be called, and what its answer means for the event.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use textproof::{
    breaker::{Breaker, health},
    gateway::{Certainty, Gateway, GatewayError, TextMessage},
    secret::FingerprintKey,
    store::{Admission, BreakerStore, CallOutcome, OPEN_FOR},
};
use tokio::time::timeout;

use crate::{HandlerError, deadline::call_timeout};

/// Above what a gateway takes for a token and a text with its own timeouts.
const CALL_AT_MOST: Duration = Duration::from_secs(60);

/// Which gateway an answer goes through: that of the endpoint the text came to, else the first one.
///
/// Each is called through its circuit breaker, which it shares with the codes of the whole fleet.
#[derive(Clone)]
pub struct AnswerRoutes {
    first: Route,
    by_endpoint: HashMap<String, Route>,
}

#[derive(Clone)]
struct Route {
    gateway: Arc<dyn Gateway>,
    breaker: Breaker,
}

/// How a call ended. Errors name neither a number nor a text.
pub(super) enum Called {
    Accepted,
    /// It may have been sent.
    Unknown(String),
    /// Certainly not sent, and it would be refused again.
    Refused(String),
    /// Certainly not sent.
    NotSent(HandlerError),
}

impl AnswerRoutes {
    /// `first` for all endpoints that have no gateway of their own. `key` names the breakers in the store.
    #[must_use]
    pub fn new(
        first: Arc<dyn Gateway>,
        by_endpoint: HashMap<String, Arc<dyn Gateway>>,
        breakers: &Arc<dyn BreakerStore>,
        key: &FingerprintKey,
    ) -> Self {
        let route = |gateway: Arc<dyn Gateway>| {
            let breaker = Breaker::of_gateway(Arc::clone(breakers), key, gateway.name());
            Route { gateway, breaker }
        };
        let by_endpoint =
            by_endpoint.into_iter().map(|(endpoint, gateway)| (endpoint, route(gateway))).collect();
        Self { first: route(first), by_endpoint }
    }

    /// Calls the gateway once, for no longer than the event has time.
    pub(super) async fn send(&self, endpoint: &str, message: &TextMessage<'_>) -> Called {
        let Route { gateway, breaker } = self.by_endpoint.get(endpoint).unwrap_or(&self.first);
        let name = gateway.name();
        let admission = breaker.enter().await;
        if let Admission::Open { retry_after } = admission {
            metrics::counter!("textproof_gateway_skipped_total", "gateway" => name).increment(1);
            let reason = format!("the gateway {name} is failing and left alone");
            return Called::NotSent(HandlerError::later(reason, retry_after));
        }
        let no_time = || {
            let reason = format!("no time was left for the gateway {name}");
            Called::NotSent(HandlerError::new(reason))
        };
        // Nothing is sent before this is done: being cut off while it waits is no doubt.
        let Some(left) = call_timeout(CALL_AT_MOST) else { return no_time() };
        match timeout(left, gateway.prepare()).await {
            Ok(Ok(())) => {}
            Ok(failed) => return ended(failed, breaker, admission).await,
            Err(_) => return no_time(),
        }
        let Some(left) = call_timeout(CALL_AT_MOST) else { return no_time() };
        match timeout(left, gateway.send_text(message)).await {
            Ok(sent) => ended(sent, breaker, admission).await,
            Err(_) => {
                breaker.report(CallOutcome::Failed).await;
                Called::Unknown(format!("the gateway {name} did not answer in the time that was left"))
            }
        }
    }
}

/// Tells the breaker how it ended, and what that means for the event. It counts as a failure of the event only when the
/// gateway was thought to be well: a probe that fails, and a gateway that asks for time, say nothing of the event.
async fn ended<T>(result: Result<T, GatewayError>, breaker: &Breaker, admission: Admission) -> Called {
    let outcome = health(&result);
    breaker.report(outcome).await;
    let Err(error) = result else { return Called::Accepted };
    let reason = error.to_string();
    match (error.certainty(), outcome, admission) {
        (Certainty::Unknown, ..) => Called::Unknown(reason),
        (_, CallOutcome::ToldToWait(wait), _) => Called::NotSent(HandlerError::later(reason, wait)),
        (_, CallOutcome::Failed, Admission::Probe) => Called::NotSent(HandlerError::later(reason, OPEN_FOR)),
        _ if is_final(&error) => Called::Refused(reason),
        _ => Called::NotSent(HandlerError::new(reason)),
    }
}

/// Whether the gateway would say the same again, whatever an operator or time does: it understood the request, and will
/// not have this text or this number. A redirect, a 401 or a 404 is a setting that can be repaired.
fn is_final(error: &GatewayError) -> bool {
    match error {
        GatewayError::InvalidNumber { .. } | GatewayError::Unsupported { .. } => true,
        GatewayError::Rejected { status, .. } => matches!(status, 400 | 413 | 422),
        _ => false,
    }
}

impl fmt::Debug for AnswerRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerRoutes").field("first", &self.first.gateway).finish_non_exhaustive()
    }
}
