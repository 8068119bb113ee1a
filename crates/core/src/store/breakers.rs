//! The port for circuit breakers: one for each gateway and each place that events are forwarded to, shared by the
//! fleet.
//!
//! ```text
//!  closed ── enough failures in a row, or told to wait ──► open ── its time is over ──► half open
//!    ▲                                                       ▲                            │
//!    └───────────────── the one call that is let through succeeds ◄───────────────────────┤
//!                                                            └──── or it fails: open, longer
//! ```

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::secret::Fingerprint;

/// Failures in a row that open a closed breaker.
pub const FAILURES_TO_OPEN: u32 = 5;
/// How long a breaker is open at first; doubled with every failed probe.
pub const OPEN_FOR: Duration = Duration::from_secs(5);
/// How long a breaker is open at most, unless the gateway asks for longer.
pub const OPEN_AT_MOST: Duration = Duration::from_secs(300);
/// The longest that a gateway may ask to be left alone.
pub const RETRY_AFTER_AT_MOST: Duration = Duration::from_secs(3600);
/// How long the one call of a half-open breaker may take before another is let through: above the connect
/// and request timeouts of a gateway.
pub const PROBE_LEASE: Duration = Duration::from_secs(20);
/// Retries that the fleet may make at once; ten successful calls earn one more.
pub const RETRY_BUDGET: u32 = 10;
/// How long a breaker without news is remembered.
pub(crate) const BREAKER_KEPT: Duration = Duration::from_secs(7200);

/// Whether a gateway may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Allowed,
    /// It may, by this caller alone: it has been failing, and the call shows whether it still does.
    Probe,
    /// It is left alone.
    Open {
        /// Time until it may be called.
        retry_after: Duration,
    },
}

/// How a call went, as far as the gateway's health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It answered, with whatever.
    Answered,
    /// It did not answer, or not with anything useful.
    Failed,
    /// It asked to be left alone.
    ToldToWait(Duration),
}

/// Circuit breakers of gateways, with the fleet's budget of retries.
#[async_trait]
pub trait BreakerStore: Send + Sync {
    /// Asks whether the gateway may be called; at a half-open breaker one caller is let through.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn enter(&self, gateway: &Fingerprint) -> Result<Admission, StoreError>;

    /// Tells how a call went; `retry` asks for one retry out of the fleet's budget and the answer says
    /// whether it may be made.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn report(
        &self,
        gateway: &Fingerprint,
        outcome: CallOutcome,
        retry: bool,
    ) -> Result<bool, StoreError>;
}
