//! Idempotency keys: the outcome of a send, kept without anything secret, and given again.
//!
//! Kept is what reached a gateway: *sent*, *unknown*, and the gateway's refusal. A denial by our own limits and a
//! fault are not kept: nothing was begun, and the same key may be tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{Challenge, DeliveryState, RefusalReason, SendOutcome, derivation::Context};
use crate::{
    error::Error,
    secret::{Fingerprint, PepperTag},
    store::{self, ClaimKey, IdempotencyStore, RequestId},
};

/// Longer keys are a mistake.
const MAX_KEY_BYTES: usize = 255;
/// How long a send may be in flight before another host may take it over: above two gateways' connect and
/// request timeouts, each with a retry.
const LEASE: Duration = Duration::from_secs(90);
/// How long a second caller waits for the first before it is told that the send is in flight.
const WAIT: Duration = Duration::from_secs(12);
const POLL: Duration = Duration::from_millis(50);

/// The idempotency key of one send.
#[derive(Clone)]
pub(super) struct IdempotencyKey {
    pub(super) name: Fingerprint,
    /// Digest of everything that makes two sends the same.
    pub(super) arguments: [u8; 16],
}

/// What a claim came to.
pub(super) enum Claim {
    /// Go on.
    Send(Claimed),
    /// It has been done.
    Outcome(SendOutcome),
}

/// A key that is this host's for the time of a lease.
pub(super) struct Claimed {
    /// The id to send under.
    pub(super) send: RequestId,
    /// From a host that did not finish.
    taken_over: bool,
    at: Instant,
}

impl Claimed {
    /// Whether another host may have begun the same send: the one it was taken from, or one that took it over
    /// because this host was too slow. Half a lease leaves time for the request itself.
    pub(super) fn may_be_shared(&self) -> bool {
        self.taken_over || self.at.elapsed() > LEASE / 2
    }
}

impl IdempotencyKey {
    /// Names the key of a tenant.
    ///
    /// # Errors
    /// [`Error::IdempotencyKey`] for an empty or endless one.
    pub(super) fn new(context: &Context<'_>, key: &str, arguments: [u8; 16]) -> Result<Self, Error> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Error::IdempotencyKey { bytes: key.len() });
        }
        Ok(Self { name: context.name("idempotency", key), arguments })
    }

    /// Claims the key, waits for another's send, or gives its outcome.
    pub(super) async fn claim(
        &self,
        store: &dyn IdempotencyStore,
        context: &Context<'_>,
        send: RequestId,
    ) -> Result<Claim, Error> {
        let deadline = Instant::now() + WAIT;
        loop {
            let claim = ClaimKey { name: &self.name, arguments: self.arguments, send, lease: LEASE };
            let at = Instant::now();
            match store.claim_key(&claim).await? {
                store::Claimed::Yours { send: id } => {
                    return Ok(Claim::Send(Claimed { send: id, taken_over: id != send, at }));
                }
                store::Claimed::OtherArguments => return Err(Error::IdempotencyConflict),
                store::Claimed::Done { outcome, ago } => {
                    let kept: Kept =
                        serde_json::from_slice(&outcome).map_err(|_| Error::IdempotencyUnreadable)?;
                    return Ok(Claim::Outcome(kept.outcome(context, ago)));
                }
                store::Claimed::InFlight { retry_after } if Instant::now() >= deadline => {
                    let outcome = SendOutcome::refused(RefusalReason::InFlight, Some(retry_after));
                    return Ok(Claim::Outcome(outcome));
                }
                store::Claimed::InFlight { .. } => sleep(POLL).await,
            }
        }
    }
}

/// An outcome as it is kept. The handle is derived again, so that it does not lie in the store.
#[derive(Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Kept {
    Sent {
        pepper: [u8; 2],
        nonce: [u8; 6],
        expires_in_ms: u64,
        next_send_in_ms: u64,
        sends_left: u32,
        resent: bool,
        parts: u32,
        /// None: nobody knows whether it went out.
        accepted: Option<Message>,
    },
    Refused {
        words: String,
        retry_after_ms: Option<u64>,
    },
}

#[derive(Serialize, Deserialize)]
struct Message {
    id: Option<String>,
}

/// What [`IdempotencyStore::finish_key`] keeps, or none for an outcome that is not kept.
pub(super) fn kept(outcome: &SendOutcome, pepper: PepperTag, nonce: [u8; 6]) -> Option<Vec<u8>> {
    let kept = match outcome {
        SendOutcome::Sent(challenge) => Kept::Sent {
            pepper: pepper.0,
            nonce,
            expires_in_ms: ms(challenge.expires_in),
            next_send_in_ms: ms(challenge.next_send_in),
            sends_left: challenge.sends_left,
            resent: challenge.resent,
            parts: challenge.parts,
            accepted: match &challenge.delivery {
                DeliveryState::Accepted { message_id } => Some(Message { id: message_id.clone() }),
                DeliveryState::Pending | DeliveryState::Unknown => None,
            },
        },
        SendOutcome::Refused { reason: RefusalReason::Gateway(words), retry_after } => {
            Kept::Refused { words: words.clone(), retry_after_ms: retry_after.map(ms) }
        }
        SendOutcome::Refused { .. } => return None,
    };
    serde_json::to_vec(&kept).ok()
}

impl Kept {
    fn outcome(self, context: &Context<'_>, ago: Duration) -> SendOutcome {
        let left = |ms| Duration::from_millis(ms).saturating_sub(ago);
        match self {
            Self::Sent {
                pepper,
                nonce,
                expires_in_ms,
                next_send_in_ms,
                sends_left,
                resent,
                parts,
                accepted,
            } => SendOutcome::Sent(Challenge {
                handle: context.handle_of(PepperTag(pepper), &nonce),
                expires_in: left(expires_in_ms),
                next_send_in: left(next_send_in_ms),
                sends_left,
                resent,
                parts,
                delivery: match accepted {
                    Some(Message { id }) => DeliveryState::Accepted { message_id: id },
                    None => DeliveryState::Unknown,
                },
            }),
            Self::Refused { words, retry_after_ms } => SendOutcome::Refused {
                reason: RefusalReason::Gateway(words),
                retry_after: retry_after_ms.map(left),
            },
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_shared_when_it_was_taken_over_or_could_have_been() {
        let claimed = |taken_over| Claimed { send: RequestId::random(), taken_over, at: Instant::now() };
        assert!(claimed(true).may_be_shared());
        let own = claimed(false);
        tokio::time::advance(LEASE / 2).await;
        assert!(!own.may_be_shared());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(own.may_be_shared());
    }
}
