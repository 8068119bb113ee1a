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

mod sends;

use std::time::Duration;

use async_trait::async_trait;
use rand::RngExt;

use super::StoreError;
use crate::{
    policy::{FailureLimits, SendLimits},
    purpose::Purpose,
    secret::{Fingerprint, PepperTag},
};

pub use sends::{Denial, Granted, Reserve, Reserved, Settle, Settlement};

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
