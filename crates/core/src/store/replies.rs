//! The port for automatic replies: one for an event and a rule, and only so many between two numbers.
//!
//! ```text
//! (nothing) ── claim ──► claimed ── record ──► sent
//!   │ ▲                   │    └─── record, or the next claim ──► unknown
//!   │ └───── release ─────┤
//!   └─ claim, too many ──►└─ record ──► not owed
//! ```

use std::time::Duration;

use async_trait::async_trait;

use super::{RequestId, StoreError};
use crate::{event::EventId, secret::Fingerprint};

/// How long it is known that an event was answered.
pub const REPLY_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Replies between two numbers in ten minutes.
pub const REPLIES_IN_TEN_MINUTES: u64 = 5;
/// Replies between two numbers in a day.
pub const REPLIES_A_DAY: u64 = 20;

pub(crate) const TEN_MINUTES: Duration = Duration::from_secs(600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Names one automatic reply.
#[derive(Clone, Debug)]
pub struct ReplyKey {
    /// Keyed name of tenant, own number and the other's number.
    pub pair: Fingerprint,
    /// What is answered.
    pub event: EventId,
    /// The rule that answers.
    pub rule: String,
}

/// The store's answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyClaim {
    /// The caller sends.
    Yours,
    /// It has been sent.
    Sent,
    /// Somebody claimed it and did not say how it ended: it may have been sent, and is not sent again.
    Unknown {
        /// Whether nobody was told so before.
        first: bool,
    },
    /// It was decided that there is none, and that stays so.
    NotOwed,
    /// There have been too many between these numbers: this one is not owed from now on.
    TooMany,
}

/// How a claimed reply ended, where it is not to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyEnd {
    /// The gateway took it.
    Sent,
    /// Its answer was lost.
    Unknown,
    /// It was not sent, and never will be; it is no longer counted.
    NotOwed,
}

/// Claims of automatic replies.
#[async_trait]
pub trait ReplyStore: Send + Sync {
    /// Claims a reply and counts it for its pair of numbers, both or neither; or tells what has become of it.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; it may be claimed. Claiming again with the same `claim` is
    /// safe.
    async fn claim_reply(&self, reply: &ReplyKey, claim: RequestId) -> Result<ReplyClaim, StoreError>;

    /// Records how it ended, if the claim is still this one; returns whether it is.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; recording again is safe.
    async fn record_reply(
        &self,
        reply: &ReplyKey,
        claim: RequestId,
        end: ReplyEnd,
    ) -> Result<bool, StoreError>;

    /// Gives up a claim of something that certainly was not sent, and no longer counts it; returns whether the claim
    /// was this one.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; releasing again is safe.
    async fn release_reply(&self, reply: &ReplyKey, claim: RequestId) -> Result<bool, StoreError>;
}
