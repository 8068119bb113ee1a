//! The port for one-time codes: reserve a send, settle it, check a guess.
//!
//! ```text
//!            reserve            check (right)
//!  (nothing) ─────────► live ──────────────────► used ──► (gone)
//!                        │ │
//!                        │ └─ check (wrong): one guess less; at 0 exhausted until it expires
//!                        └─── settle(not sent): gone again, if that send made the code
//! ```
//! Beside the code stand the failures of the phone for that purpose: wrong guesses in a row, over all codes and
//! sessions. They are counted with the guess, make a session wait and lock the phone at their ceiling, and
//! only a right code (or an operator) clears them.
//!
//! A code can be checked while its send is still open: the text may arrive before the gateway's answer
//! does. Settling never changes a used or exhausted record. A send that follows while another is open
//! leaves that one's outcome unknown, which is the same as sent. A code that the gateway makes is
//! *awaiting* until the gateway has told it.

use std::time::Duration;

use async_trait::async_trait;
use rand::RngExt;

use super::{MessageKey, StoreError};
use crate::{
    policy::{FailureLimits, SendLimits},
    purpose::Purpose,
    secret::{Fingerprint, PepperTag},
};

/// Ninety-six random bits that name one request, so that a repeat after a lost reply is recognised. Zeros name none:
/// in the records they stand for a check or a redemption that has not been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub [u8; 12]);

impl RequestId {
    /// Draws a new id.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::rng().random())
    }

    /// The caller's id, or a new one where it names none.
    pub(crate) fn or_random(given: Option<Self>) -> Self {
        given.filter(|id| id.0 != [0; 12]).unwrap_or_else(Self::random)
    }
}

/// Names a code record: one per tenant and phone (both in the fingerprint), purpose and session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CodeKey {
    /// Keyed fingerprint of tenant and phone.
    pub phone: Fingerprint,
    /// What the code is for.
    pub purpose: Purpose,
    /// Keyed digest of the application's session; without sessions there is one record.
    pub session: Option<Fingerprint>,
}

impl CodeKey {
    /// Six bytes that tell the sessions of a phone apart in its failures; zeros without sessions.
    pub(crate) fn session_tag(&self) -> [u8; 6] {
        self.session.as_ref().map_or([0; 6], Fingerprint::tag)
    }
}

/// Live codes that one phone may have for one purpose, in different sessions. A further one is refused until
/// the first expires; none is ever evicted.
pub const LIVE_SESSIONS: usize = 3;

/// Where a code comes from: decides how it can be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOrigin {
    /// Derived from the record's nonce and the pepper: can be derived again.
    Derived,
    /// Given by the caller: can be sent again only when the caller gives it again.
    Given,
    /// Made by the gateway: known after the send, can never be sent again.
    Gateway,
    /// Of a suppressed send: no text went out, and the MAC is of no code, so nothing ever verifies.
    Suppressed,
}

/// A code that is about to be sent. The code itself is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCode {
    /// Where the code comes from.
    pub origin: CodeOrigin,
    /// Its length, 4 to 8 digits: a code of another length is not the same again.
    pub digits: u8,
    /// The pepper that its MAC is made with.
    pub pepper: PepperTag,
    /// What a derived code and every handle are derived from.
    pub nonce: [u8; 6],
    /// Digest of the handle.
    pub handle: [u8; 6],
    /// Keyed MAC of the code; zeros until the gateway has made it.
    pub mac: [u8; 16],
}

/// The MACs of one code under every accepted pepper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeMacs(pub Vec<(PepperTag, [u8; 16])>);

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
        self.limits.memory().max(self.lifetime).max(super::IDEMPOTENCY_KEPT)
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

/// Checks a guess.
#[derive(Clone, Debug)]
pub struct Check<'a> {
    /// Which code.
    pub key: &'a CodeKey,
    /// Names this check; a repeat gets the same answer.
    pub request: RequestId,
    /// Digest of the handle, when the caller has one.
    pub handle: Option<[u8; 6]>,
    /// MACs of the guess under every accepted pepper.
    pub macs: CodeMacs,
    /// For the wait of an exhausted code.
    pub limits: &'a SendLimits,
    /// What failures in a row lead to.
    pub failures: &'a FailureLimits,
    /// How long a used code is remembered, to answer a second use of the same code.
    pub remember_used: Duration,
    /// How long the receipt of a right code can be redeemed. Its id is [`Check::request`].
    pub receipt_lifetime: Duration,
}

/// The store's answer to [`Check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The right code, for the first time.
    Right,
    /// A wrong one; this many guesses are left.
    Wrong {
        /// Guesses left.
        left: u8,
    },
    /// No guess was left; nothing was compared.
    Exhausted {
        /// Time until the next send is possible.
        retry_after: Duration,
    },
    /// The session waits, or the phone is locked; nothing was compared or counted.
    Throttled {
        /// Time until the next check is possible; none when only an operator can make it possible.
        retry_after: Option<Duration>,
    },
    /// The right code, again.
    AlreadyUsed,
    /// No such code: expired, never sent, or not for this handle.
    Absent,
}

/// Redeems the receipt of a right code.
#[derive(Clone, Debug)]
pub struct Redeem<'a> {
    /// The phone that the receipt is for.
    pub phone: &'a Fingerprint,
    /// The receipt's id: the request of the check that found the code right.
    pub receipt: RequestId,
    /// Names this redemption; a repeat gets the same answer.
    pub request: RequestId,
}

/// What became of the text of a send, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// The gateway has not answered yet, or the host that asked it has died.
    Open,
    /// The gateway took it.
    Sent,
    /// It certainly did not go out.
    NotSent,
    /// Nobody knows.
    Unknown,
}

/// One-time codes and the send limits of a phone.
#[async_trait]
pub trait CodeStore: Send + Sync {
    /// Checks the phone's limits and writes the pending code, in one step. A denial changes nothing.
    /// A repeat with the same [`Reserve::send`] gets the same answer while the code is there; once another send
    /// to the phone has followed, only with an idempotency key, and with the code that is in force by then.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn reserve(&self, request: &Reserve<'_>) -> Result<Reserved, StoreError>;

    /// Closes an open send; returns whether it was open.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn settle_send(&self, request: &Settle<'_>) -> Result<bool, StoreError>;

    /// Counts a guess, then compares it, then consumes the code if it is right, in one step.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer: never a verdict.
    async fn check(&self, request: &Check<'_>) -> Result<Checked, StoreError>;

    /// Redeems a receipt, once; returns whether it could be.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn redeem(&self, request: &Redeem<'_>) -> Result<bool, StoreError>;

    /// What became of the phone's last send, when it is the one of this handle.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn send_state(&self, phone: &Fingerprint, handle: [u8; 6])
    -> Result<Option<SendState>, StoreError>;
}
