//! From one gateway to the next: the second is called only when the first certainly did not send.

use std::time::Duration;

use rand::RngExt;

use super::Otp;
use crate::{
    gateway::{Certainty, CodeAccepted, CodeMessage, Gateway, GatewayError},
    secret::Fingerprint,
    store::{Admission, CallOutcome},
};

/// Before a retry, so that hosts do not move in step.
const RETRY_PAUSE_MS: std::ops::Range<u64> = 50..150;

/// What became of a code.
pub(super) enum Dispatched {
    /// A gateway took it.
    Accepted {
        /// Which.
        gateway: &'static str,
        /// What it said.
        accepted: CodeAccepted,
    },
    /// A gateway may have taken it.
    Unknown(GatewayError),
    /// The last gateway that was called certainly did not.
    NotSent(GatewayError),
    /// All of them are left alone just now.
    AllOpen {
        /// Time until the first may be called.
        retry_after: Duration,
    },
}

/// Hands the code to the first gateway that takes it. One that certainly did not is followed by the next, with
/// the same code; one that may have taken it by none.
pub(super) async fn dispatch(otp: &Otp, message: &CodeMessage<'_>) -> Dispatched {
    let (mut not_sent, mut open) = (None, None);
    for gateway in otp.gateways.iter().filter(|gateway| message.code.is_some() || gateway.makes_codes()) {
        let breaker = otp.settings.fingerprint_key.name("breaker", &[gateway.name()]);
        match otp.store.enter(&breaker).await {
            Ok(Admission::Allowed | Admission::Probe) => {}
            Ok(Admission::Open { retry_after }) => {
                metrics::counter!("textproof_gateway_skipped_total", "gateway" => gateway.name())
                    .increment(1);
                open = Some(open.map_or(retry_after, |known: Duration| known.min(retry_after)));
                continue;
            }
            // The breaker spares a gateway; without its word the code still has to go out.
            Err(error) => tracing::warn!(%error, "the circuit breaker could not be asked"),
        }
        match call(otp, gateway.as_ref(), &breaker, message).await {
            Ok(accepted) => return Dispatched::Accepted { gateway: gateway.name(), accepted },
            Err(error) if error.certainty() == Certainty::Unknown => return Dispatched::Unknown(error),
            // No other gateway reaches a number that does not exist.
            Err(error @ GatewayError::InvalidNumber { .. }) => return Dispatched::NotSent(error),
            Err(error) => {
                tracing::warn!(%error, "a gateway certainly did not send a code");
                not_sent = Some(error);
            }
        }
    }
    match (not_sent, open) {
        (Some(error), _) => Dispatched::NotSent(error),
        (None, open) => Dispatched::AllOpen { retry_after: open.unwrap_or_default() },
    }
}

/// One call, and one more when it failed before anything was sent and the fleet's budget of retries has room.
async fn call(
    otp: &Otp,
    gateway: &dyn Gateway,
    breaker: &Fingerprint,
    message: &CodeMessage<'_>,
) -> Result<CodeAccepted, GatewayError> {
    let result = gateway.send_code(message).await;
    let Err(error) = result else {
        report_behind(otp, breaker, CallOutcome::Answered);
        return result;
    };
    let outcome = health(&error);
    let worth_a_retry = outcome == CallOutcome::Failed && error.certainty() == Certainty::NotSent;
    if !report(otp, breaker, outcome, worth_a_retry).await {
        return Err(error);
    }
    metrics::counter!("textproof_gateway_retries_total", "gateway" => gateway.name()).increment(1);
    let pause = rand::rng().random_range(RETRY_PAUSE_MS);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    let result = gateway.send_code(message).await;
    report(otp, breaker, result.as_ref().map_or_else(health, |_| CallOutcome::Answered), false).await;
    result
}

/// What an error says about the gateway's health. A refusal is an answer.
pub(crate) fn health(error: &GatewayError) -> CallOutcome {
    match error {
        GatewayError::RateLimited { retry_after, .. } => CallOutcome::ToldToWait(*retry_after),
        GatewayError::Connect { .. }
        | GatewayError::Lost { .. }
        | GatewayError::Token { source: crate::token::TokenError::Unavailable { .. }, .. } => {
            CallOutcome::Failed
        }
        GatewayError::Rejected { status, .. } if *status == 503 => CallOutcome::Failed,
        _ => CallOutcome::Answered,
    }
}

async fn report(otp: &Otp, breaker: &Fingerprint, outcome: CallOutcome, retry: bool) -> bool {
    otp.store.report(breaker, outcome, retry).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the circuit breaker could not be told");
        false
    })
}

fn report_behind(otp: &Otp, breaker: &Fingerprint, outcome: CallOutcome) {
    let (other, breaker) = (otp.clone(), breaker.clone());
    otp.behind.run("breaker report", async move {
        report(&other, &breaker, outcome, false).await;
    });
}
