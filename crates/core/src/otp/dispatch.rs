//! From one gateway to the next: the second is called only when the first certainly did not send.

use std::{sync::Arc, time::Duration};

use rand::RngExt;

use super::Otp;
use crate::{
    breaker::{Breaker, health},
    gateway::{Certainty, CodeAccepted, CodeMessage, Gateway, GatewayError},
    store::{Admission, BreakerStore, CallOutcome},
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
        let store = Arc::clone(&otp.store) as Arc<dyn BreakerStore>;
        let breaker = Breaker::of_gateway(store, &otp.settings.fingerprint_key, gateway.name());
        if let Admission::Open { retry_after } = breaker.enter().await {
            metrics::counter!("textproof_gateway_skipped_total", "gateway" => gateway.name()).increment(1);
            open = Some(open.map_or(retry_after, |known: Duration| known.min(retry_after)));
            continue;
        }
        match call(otp, gateway.as_ref(), breaker, message).await {
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
    breaker: Breaker,
    message: &CodeMessage<'_>,
) -> Result<CodeAccepted, GatewayError> {
    let result = gateway.send_code(message).await;
    let outcome = health(&result);
    let Err(error) = result else {
        report_behind(otp, breaker, outcome);
        return result;
    };
    let worth_a_retry = outcome == CallOutcome::Failed && error.certainty() == Certainty::NotSent;
    if !breaker.report_and_ask(outcome, worth_a_retry).await {
        return Err(error);
    }
    metrics::counter!("textproof_gateway_retries_total", "gateway" => gateway.name()).increment(1);
    let pause = rand::rng().random_range(RETRY_PAUSE_MS);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    let result = gateway.send_code(message).await;
    breaker.report(health(&result)).await;
    result
}

fn report_behind(otp: &Otp, breaker: Breaker, outcome: CallOutcome) {
    otp.behind.run("breaker report", async move { breaker.report(outcome).await });
}
