//! What sending and verifying come to. Outcomes are values; only faults are errors.

use std::{fmt, time::Duration};

use super::Handle;
use crate::store::Checked;

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
    /// Billed parts: what the gateway says, else what [`sms_text::segments`](crate::sms_text::segments) counts.
    pub parts: Option<u32>,
    /// What is known of the text.
    pub delivery: DeliveryState,
}

/// What is known of a text right after its send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// The gateway took it.
    Accepted {
        /// The gateway's message id.
        message_id: String,
    },
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
            Self::Gateway(_) => "gateway_refused",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CoolDown => f.write_str("a code was sent to this phone a moment ago"),
            Self::TooManySends => f.write_str("too many codes were sent to this phone"),
            Self::Gateway(words) => f.write_str(words),
        }
    }
}

/// What a check came to.
///
/// On one history of the store, a code is [`Verdict::Verified`] exactly once and never compared more often
/// than its guesses allow. A failover to a replica can give back writes that it had not received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The right code, for the first time.
    #[non_exhaustive]
    Verified {},
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
    /// There is no such code: expired, never sent, another purpose, another handle. One answer for all, so
    /// that nothing can be learnt from it.
    Expired,
    /// The right code, which was used a moment ago.
    AlreadyUsed,
    /// Not a code at all; nothing was counted.
    Malformed,
}

impl Verdict {
    /// Whether this check, and no other, proved that the person has the code.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified {})
    }

    /// A stable word for metrics and JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Verified {} => "verified",
            Self::Incorrect { .. } => "incorrect",
            Self::Exhausted { .. } => "exhausted",
            Self::Expired => "expired",
            Self::AlreadyUsed => "already_used",
            Self::Malformed => "malformed",
        }
    }
}

impl From<Checked> for Verdict {
    fn from(checked: Checked) -> Self {
        match checked {
            Checked::Right => Self::Verified {},
            Checked::Wrong { left } => Self::Incorrect { attempts_left: left },
            Checked::Exhausted { retry_after } => Self::Exhausted { retry_after },
            Checked::AlreadyUsed => Self::AlreadyUsed,
            Checked::Absent => Self::Expired,
        }
    }
}
