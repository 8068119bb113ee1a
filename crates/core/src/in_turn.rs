//! From one gateway to the next: the second is called only when the first certainly did not send.

use std::{sync::Arc, time::Duration};

use crate::{
    breaker::Breaker,
    gateway::{Certainty, Gateway, GatewayError},
    secret::FingerprintKey,
    store::{Admission, BreakerStore, Store},
};

/// What became of a message.
pub(crate) enum Dispatched<T> {
    /// A gateway took it.
    Accepted {
        /// Which.
        gateway: &'static str,
        /// What it said.
        accepted: T,
    },
    /// A gateway may have taken it.
    Unknown {
        /// Which.
        gateway: &'static str,
        /// Why nobody knows.
        error: GatewayError,
    },
    /// The last gateway that was called certainly did not.
    NotSent(GatewayError),
    /// All of them are left alone just now.
    AllOpen {
        /// Time until the first may be called.
        retry_after: Duration,
    },
}

/// Has the first gateway that takes it send a message by `call`, which tells the breaker how that went. A gateway that
/// certainly did not send is followed by the next; one that may have sent by none; one that is left alone is not called.
pub(crate) async fn in_turn<'g, T, F>(
    gateways: impl Iterator<Item = &'g Arc<dyn Gateway>>,
    store: &Arc<dyn Store>,
    key: &FingerprintKey,
    call: impl Fn(&'g dyn Gateway, Breaker) -> F,
) -> Dispatched<T>
where
    F: Future<Output = Result<T, GatewayError>>,
{
    let (mut not_sent, mut open) = (None, None);
    for gateway in gateways {
        let name = gateway.name();
        let breaker = Breaker::of_gateway(Arc::clone(store) as Arc<dyn BreakerStore>, key, name);
        if let Admission::Open { retry_after } = breaker.enter().await {
            metrics::counter!("textproof_gateway_skipped_total", "gateway" => name).increment(1);
            open = Some(open.map_or(retry_after, |known: Duration| known.min(retry_after)));
            continue;
        }
        match call(gateway.as_ref(), breaker).await {
            Ok(accepted) => return Dispatched::Accepted { gateway: name, accepted },
            Err(error) if error.certainty() == Certainty::Unknown => {
                return Dispatched::Unknown { gateway: name, error };
            }
            // No other gateway reaches a number that does not exist.
            Err(error @ GatewayError::InvalidNumber { .. }) => return Dispatched::NotSent(error),
            Err(error) => {
                tracing::warn!(%error, "a gateway certainly did not send a text");
                not_sent = Some(error);
            }
        }
    }
    not_sent
        .map_or_else(|| Dispatched::AllOpen { retry_after: open.unwrap_or_default() }, Dispatched::NotSent)
}
