//! The fleet's circuit breakers for those who call something: asked before a call, told after it.

use std::{fmt, sync::Arc};

use crate::{
    gateway::GatewayError,
    secret::{Fingerprint, FingerprintKey},
    store::{Admission, BreakerStore, CallOutcome},
};

/// The breaker of one gateway, or of one place that events are forwarded to. It spares what is called; a store that
/// does not answer keeps nothing from being called.
#[derive(Clone)]
pub struct Breaker {
    store: Arc<dyn BreakerStore>,
    name: Fingerprint,
}

impl Breaker {
    /// That of the gateway of this name.
    #[must_use]
    pub fn of_gateway(store: Arc<dyn BreakerStore>, key: &FingerprintKey, gateway: &str) -> Self {
        Self { store, name: key.name("breaker", &[gateway]) }
    }

    /// That of a forward. Under another URL it is another place.
    #[must_use]
    pub fn of_forward(store: Arc<dyn BreakerStore>, key: &FingerprintKey, forward: &str, url: &str) -> Self {
        Self { store, name: key.name("forward breaker", &[forward, url]) }
    }

    /// Whether it may be called, and if so, whether by this call alone.
    pub async fn enter(&self) -> Admission {
        self.store.enter(&self.name).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the circuit breaker could not be asked");
            Admission::Allowed
        })
    }

    /// Tells how a call went.
    pub async fn report(&self, outcome: CallOutcome) {
        self.report_and_ask(outcome, false).await;
    }

    /// Tells how a call went; where a retry is `wanted`, returns whether the fleet's budget has one left.
    pub(crate) async fn report_and_ask(&self, outcome: CallOutcome, wanted: bool) -> bool {
        self.store.report(&self.name, outcome, wanted).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the circuit breaker could not be told");
            false
        })
    }
}

/// What the result of a call says about the gateway's health. A refusal is an answer.
#[must_use]
pub fn health<T>(result: &Result<T, GatewayError>) -> CallOutcome {
    match result {
        Err(GatewayError::RateLimited { retry_after, .. }) => CallOutcome::ToldToWait(*retry_after),
        Err(
            GatewayError::Connect { .. }
            | GatewayError::Lost { .. }
            | GatewayError::Token { source: crate::token::TokenError::Unavailable { .. }, .. },
        ) => CallOutcome::Failed,
        Err(GatewayError::Rejected { status, .. }) if *status == 503 => CallOutcome::Failed,
        _ => CallOutcome::Answered,
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.name).finish_non_exhaustive()
    }
}
