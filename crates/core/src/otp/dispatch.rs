//! A code handed to the gateways in turn, with one retry out of the fleet's budget.

use std::time::Duration;

use rand::RngExt;

use super::Otp;
use crate::{
    breaker::{Breaker, health},
    gateway::{Certainty, CodeAccepted, CodeMessage, Gateway, GatewayError},
    in_turn::{Dispatched, in_turn},
    store::CallOutcome,
};

/// Before a retry, so that hosts do not move in step.
const RETRY_PAUSE_MS: std::ops::Range<u64> = 50..150;

/// Hands the same code to each, and leaves out those that cannot make the one that is wanted.
pub(super) async fn dispatch(otp: &Otp, message: &CodeMessage<'_>) -> Dispatched<CodeAccepted> {
    let gateways = otp.gateways.iter().filter(|gateway| message.code.is_some() || gateway.makes_codes());
    let key = &otp.settings.fingerprint_key;
    in_turn(gateways, &otp.store, key, |gateway, breaker| call(otp, gateway, breaker, message)).await
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
        otp.behind.run("breaker report", async move { breaker.report(outcome).await });
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
