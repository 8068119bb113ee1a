//! What a send asks of the store, and what it is told: its reservation and its settlement.

use std::time::Duration;

use super::{CodeKey, CodeMacs, NewCode, RequestId};
use crate::{
    policy::{FailureLimits, SendLimits},
    secret::{Fingerprint, PepperTag},
    store::{IDEMPOTENCY_KEPT, MessageKey},
};

/// Asks to send a code.
#[derive(Clone, Debug)]
pub struct Reserve<'a> {
    /// Which code.
    pub key: &'a CodeKey,
    /// Names this send; [`Settle`] names it again.
    pub send: RequestId,
    /// Cool-down and windows of the phone.
    pub limits: &'a SendLimits,
    /// For the lock of a phone that has failed too often: nothing is sent that could not be checked.
    pub failures: &'a FailureLimits,
    /// Name of the send's idempotency record and how long it is kept, for the phone's index.
    pub idempotency: Option<(&'a Fingerprint, Duration)>,
    /// How long a new code lives.
    pub lifetime: Duration,
    /// How many guesses a new code allows.
    pub guesses: u8,
    /// The code to send when the live one cannot be sent again.
    pub fresh: NewCode,
    /// The live code is sent again when at least this much of its life is left.
    pub resend_min_left: Duration,
    /// MACs of a given code, or zeros beside the accepted pepper tags of a derived one.
    pub macs: CodeMacs,
}

impl Reserve<'_> {
    /// How long the phone's sends are remembered: as long as a limit looks back, and as long as one of the keys
    /// that their record names may live.
    pub(crate) fn remembered(&self) -> Duration {
        self.limits.memory().max(self.lifetime).max(IDEMPOTENCY_KEPT)
    }

    /// How the phone's index names the idempotency record: with the send behind it, so that a send which another
    /// one followed is still known to have begun.
    pub(crate) fn idempotency_entry(&self) -> Option<(String, Duration)> {
        let send = data_encoding::BASE64URL_NOPAD.encode(&self.send.0);
        self.idempotency.map(|(name, kept)| (format!("{}{send}", name.as_str()), kept))
    }
}

/// The store's answer to [`Reserve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// Send it.
    Granted(Granted),
    /// A limit of the phone denies it; no counter was changed.
    Denied {
        /// Which limit.
        by: Denial,
        /// Time until the next send is possible, in milliseconds precision; none when only an operator can
        /// make it possible.
        retry_after: Option<Duration>,
    },
}

/// The limit of a phone that denies a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The cool-down ladder.
    CoolDown,
    /// A send window.
    Window,
    /// The phone is locked for this purpose.
    Locked,
    /// As many sessions as may have live codes at once.
    Sessions,
}

/// A send that may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Pepper and nonce of the live code that is sent again, or none for the fresh one.
    pub same: Option<(PepperTag, [u8; 6])>,
    /// Pepper and nonce of the code in force: of a repeat, those of the first reservation.
    pub in_force: (PepperTag, [u8; 6]),
    /// Life left in the code.
    pub expires_in: Duration,
    /// Time until the phone may be sent to again, after this send.
    pub next_send_in: Duration,
    /// Sends left in the tightest window, after this one.
    pub sends_left: u32,
    /// Whether this send had been reserved before: a repeat after a lost reply or a dead process.
    pub repeated: bool,
}

/// What became of a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement<'a> {
    /// The gateway took it.
    Sent {
        /// The message; none for a suppressed send or a fixed code, for which no gateway was called.
        message: Option<&'a MessageKey>,
        /// MAC of a code that the gateway made.
        made: Option<[u8; 16]>,
    },
    /// It certainly did not go out: cool-down and windows are given back.
    NotSent,
    /// Nobody knows: the code stays valid and nothing is given back.
    Unknown,
}

/// Closes an open send. Acts once, and only while that send is open.
#[derive(Clone, Debug)]
pub struct Settle<'a> {
    /// Which code.
    pub key: &'a CodeKey,
    /// The send.
    pub send: RequestId,
    /// What became of it.
    pub settlement: Settlement<'a>,
}
