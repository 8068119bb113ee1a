//! What sending and verifying come to. Outcomes are values; only faults are errors.

use std::{fmt, time::Duration};

use super::{Handle, Receipt};
use crate::store::Denial;

/// What a send came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The text is on its way, or may be.
    Sent(Challenge),
    /// Nothing was sent.
    Refused {
        /// Why.
        reason: RefusalReason,
        /// Time until trying again makes sense; none when it does not.
        retry_after: Option<Duration>,
    },
}

impl SendOutcome {
    pub(super) fn refused(reason: RefusalReason, retry_after: Option<Duration>) -> Self {
        metrics::counter!("textproof_otp_sends_total", "outcome" => reason.as_str()).increment(1);
        Self::Refused { reason, retry_after }
    }
}

/// A code that is waiting to be typed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Binds a later check to this send: keep it in the user's session.
    pub handle: Option<Handle>,
    /// Life left in the code.
    pub expires_in: Duration,
    /// Time until the next send to this phone is possible.
    pub next_send_in: Duration,
    /// Sends left to this phone in the tightest window.
    pub sends_left: u32,
    /// Whether the code of an earlier text was sent again.
    pub resent: bool,
    /// Billed parts: the gateway's figure where it gives one, else what the text comes to. More than one is worth a
    /// look at the text.
    pub parts: u32,
    /// What is known of the text.
    pub delivery: DeliveryState,
}

/// What is known of a text right after its send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// The gateway took it.
    Accepted {
        /// The gateway's message id; none where no gateway was called, so never hand it to the client.
        message_id: Option<String>,
    },
    /// The gateway is being called behind this answer; `Otp::send_state` tells what became of it.
    Pending,
    /// The gateway's answer was lost: the text may have gone out, and its code can be verified.
    Unknown,
}

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The phone was sent to a moment ago.
    CoolDown,
    /// The phone was sent to too often.
    TooManySends,
    /// Too many wrong guesses in a row: an operator must unlock the phone for this purpose.
    Locked,
    /// As many sessions as may have a live code at once.
    TooManySessions,
    /// The client's address asked too often.
    AddressLimit,
    /// The tenant's sends are used up.
    TenantLimit,
    /// The tenant's parts of the day are used up.
    SpendCap,
    /// Too few sends to this country, prefix or from this address are ever verified.
    FraudGuard,
    /// The same idempotency key is being worked on.
    InFlight,
    /// Every gateway is left alone just now, since it failed or asked for it.
    GatewaysUnavailable,
    /// The gateway said no, in these words.
    Gateway(String),
}

impl RefusalReason {
    /// A stable word for metrics and JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CoolDown => "cool_down",
            Self::TooManySends => "too_many_sends",
            Self::Locked => "locked",
            Self::TooManySessions => "too_many_sessions",
            Self::AddressLimit => "address_limit",
            Self::TenantLimit => "tenant_limit",
            Self::SpendCap => "spend_cap",
            Self::FraudGuard => "fraud_guard",
            Self::InFlight => "in_flight",
            Self::GatewaysUnavailable => "gateways_unavailable",
            Self::Gateway(_) => "gateway_refused",
        }
    }
}

impl From<Denial> for RefusalReason {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::CoolDown => Self::CoolDown,
            Denial::Window => Self::TooManySends,
            Denial::Locked => Self::Locked,
            Denial::Sessions => Self::TooManySessions,
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CoolDown => f.write_str("a code was sent to this phone a moment ago"),
            Self::TooManySends => f.write_str("too many codes were sent to this phone"),
            Self::Locked => f.write_str("too many wrong codes in a row: an operator must unlock this phone"),
            Self::TooManySessions => f.write_str("too many sessions wait for a code of this phone"),
            Self::AddressLimit => f.write_str("too many codes were asked for from this address"),
            Self::TenantLimit => f.write_str("too many codes were sent"),
            Self::SpendCap => f.write_str("the parts of the day are used up"),
            Self::FraudGuard => f.write_str("too few of the codes sent there are ever used"),
            Self::InFlight => f.write_str("this send is under way"),
            Self::GatewaysUnavailable => f.write_str("no gateway takes texts just now"),
            Self::Gateway(words) => f.write_str(words),
        }
    }
}

/// What a check came to.
///
/// On one history of the store, a code is [`Verdict::Verified`] exactly once and never compared more often
/// than its guesses allow. A failover to a replica can give back writes that it had not received: at most those.
/// With `min_replicas` above zero an answer that the replicas have not confirmed is an error and not a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The right code, for the first time.
    #[non_exhaustive]
    Verified {
        /// What the next step of the application redeems, once.
        receipt: Receipt,
    },
    /// A wrong code; the last guess has 0 left.
    Incorrect {
        /// Guesses left.
        attempts_left: u8,
    },
    /// No guess was left; nothing was compared.
    Exhausted {
        /// Time until another code can be sent.
        retry_after: Duration,
    },
    /// There is no such code: expired, never sent, another purpose, another session, another handle. One answer
    /// for all, so that nothing can be learnt from it.
    Expired,
    /// Too many failures of this session, this phone or this address: nothing was compared or counted, not even a
    /// right code.
    Throttled {
        /// Time until the next check is possible; none when an operator must unlock the phone.
        retry_after: Option<Duration>,
    },
    /// The right code, which was used a moment ago.
    AlreadyUsed,
    /// Not a code at all; nothing was counted.
    Malformed,
}

impl Verdict {
    /// Whether this check, and no other, proved that the person has the code.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified { .. })
    }

    /// A stable word for metrics and JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Verified { .. } => "verified",
            Self::Incorrect { .. } => "incorrect",
            Self::Exhausted { .. } => "exhausted",
            Self::Expired => "expired",
            Self::Throttled { .. } => "throttled",
            Self::AlreadyUsed => "already_used",
            Self::Malformed => "malformed",
        }
    }
}

/// What redeeming a receipt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// It was good, and is used now.
    Redeemed,
    /// Not one of ours, of another phone, purpose or session, ended, or used before: one answer for all.
    Refused,
}
