//! The port for limits that are not a phone's. Each lives beside the others of its subject (a client address, a
//! tenant, a country, a prefix), in a place of its own; so a send charges them one subject after the other
//! and gives back what it charged when a later one denies it.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    policy::{RateLimit, SpendCap},
    secret::Fingerprint,
};

/// One limit of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many sends in a period.
    Sends(RateLimit),
    /// So many failed checks in a period.
    FailedChecks(RateLimit),
    /// So many parts a day.
    Parts {
        /// The cap.
        cap: SpendCap,
        /// What this send costs.
        parts: u32,
    },
    /// So many unverified sends on credit, and more for each verified one.
    Unverified {
        /// Sends on credit.
        credit: u32,
        /// Sends that a verified one earns, besides its own.
        per_verified: u32,
        /// Counts are kept for the present and the previous window.
        window: Duration,
        /// False: it is counted and told, but never denies.
        deny: bool,
    },
}

/// One send or check, charged to all limits of one subject in one step.
#[derive(Clone, Debug)]
pub struct Charge<'a> {
    /// Keyed name of the subject.
    pub subject: &'a Fingerprint,
    /// Its limits, at most one of a kind.
    pub limits: &'a [Limit],
}

/// The store's answer to a [`Charge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// Every limit took it.
    Granted {
        /// Whether a limit that only observes would have denied it.
        noticed: bool,
    },
    /// One limit denies it; none was changed.
    Denied {
        /// Which of the charge's limits.
        limit: usize,
        /// Time until it may be granted.
        retry_after: Duration,
    },
}

/// Limits of subjects. Charges and give-backs are not repeated after a lost reply: an uncertain charge stays
/// charged, an uncertain give-back is not tried again.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Charges all limits of the subject, or none.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; it may have been charged.
    async fn charge(&self, charge: &Charge<'_>) -> Result<Charged, StoreError>;

    /// Gives a granted charge back.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; it may have been given back.
    async fn refund(&self, charge: &Charge<'_>) -> Result<(), StoreError>;

    /// Counts a verified send of the subject, for its [`Limit::Unverified`] with this window.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn credit_verified(&self, subject: &Fingerprint, window: Duration) -> Result<(), StoreError>;
}
