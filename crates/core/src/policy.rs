//! The rules of one-time codes. A policy that breaks a floor cannot be built.
//!
//! Floors and ceilings: NIST SP 800-63B-4, sections 3.1.3.2 (out-of-band secrets: at least six digits,
//! valid for at most ten minutes) and 3.2.2 (throttling); OWASP ASVS 5.0, sections 6.5 and 6.6.

mod failures;
mod limits;
mod risk;
mod sends;

use std::time::Duration;

pub use failures::{FailureLimits, MAX_CEILING};
pub use limits::{AddressLimits, FraudGuard, GuardMode, RateLimit, SpendCap, TenantLimits};
pub use risk::{RISK_TARGET, Risk};
pub use sends::{SendLimits, Window};

/// The rules for one kind of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) code_length: usize,
    pub(crate) lifetime: Duration,
    pub(crate) guesses: u8,
    pub(crate) resend_min_left: Duration,
    pub(crate) remember_used: Duration,
    pub(crate) require_handle: bool,
    pub(crate) receipt_lifetime: Duration,
    pub(crate) limits: SendLimits,
    pub(crate) failures: FailureLimits,
    pub(crate) addresses: AddressLimits,
    pub(crate) tenant: TenantLimits,
    pub(crate) guard: Option<FraudGuard>,
}

impl Default for Policy {
    /// Six digits, 300 s, five guesses; the live code is sent again while 120 s of it are left.
    fn default() -> Self {
        Self {
            code_length: 6,
            lifetime: Duration::from_secs(300),
            guesses: 5,
            resend_min_left: Duration::from_secs(120),
            remember_used: Duration::from_secs(120),
            require_handle: false,
            receipt_lifetime: Duration::from_secs(300),
            limits: SendLimits::default(),
            failures: FailureLimits::default(),
            addresses: AddressLimits::default(),
            tenant: TenantLimits::default(),
            guard: Some(FraudGuard::default()),
        }
    }
}

impl Policy {
    /// Sets the number of digits, 6 to 8.
    ///
    /// # Errors
    /// [`PolicyError::CodeLength`]. For 4 and 5 digits see [`Policy::legacy_short_codes`].
    pub fn with_code_length(self, digits: usize) -> Result<Self, PolicyError> {
        if !(6..=8).contains(&digits) {
            return Err(PolicyError::CodeLength { digits });
        }
        Ok(Self { code_length: digits, ..self })
    }

    /// Accepts codes of 4 or 5 digits, below the floor of six: five guesses at 4 digits succeed once in
    /// 2,000 codes instead of once in 200,000. Only for systems that cannot change.
    ///
    /// # Errors
    /// [`PolicyError::CodeLength`] for other lengths.
    pub fn legacy_short_codes(self, digits: usize) -> Result<Self, PolicyError> {
        if !(4..=5).contains(&digits) {
            return Err(PolicyError::CodeLength { digits });
        }
        Ok(Self { code_length: digits, ..self })
    }

    /// Sets how long a code lives from its first send, at most 600 s.
    ///
    /// # Errors
    /// [`PolicyError::Lifetime`].
    pub fn with_lifetime(self, lifetime: Duration) -> Result<Self, PolicyError> {
        if lifetime < Duration::from_millis(1) || lifetime > Duration::from_secs(600) {
            return Err(PolicyError::Lifetime { lifetime });
        }
        Ok(Self { lifetime, ..self })
    }

    /// Sets how many guesses a code allows, 1 to 10. Sending the same code again gives no new ones.
    ///
    /// # Errors
    /// [`PolicyError::Guesses`].
    pub fn with_guesses(self, guesses: u8) -> Result<Self, PolicyError> {
        if !(1..=10).contains(&guesses) {
            return Err(PolicyError::Guesses { guesses });
        }
        Ok(Self { guesses, ..self })
    }

    /// Sets how much life the live code must have to be sent again instead of a fresh one.
    #[must_use]
    pub fn with_resend_min_left(self, resend_min_left: Duration) -> Self {
        Self { resend_min_left, ..self }
    }

    /// Requires the challenge's handle at every check, so that a stranger cannot spend the guesses.
    #[must_use]
    pub fn with_required_handle(self) -> Self {
        Self { require_handle: true, ..self }
    }

    /// Sets the send limits of a phone.
    #[must_use]
    pub fn with_send_limits(self, limits: SendLimits) -> Self {
        Self { limits, ..self }
    }

    /// Sets how long the receipt of a verified code can be redeemed, at most 600 s.
    ///
    /// # Errors
    /// [`PolicyError::Lifetime`].
    pub fn with_receipt_lifetime(self, lifetime: Duration) -> Result<Self, PolicyError> {
        if lifetime < Duration::from_millis(1) || lifetime > Duration::from_secs(600) {
            return Err(PolicyError::Lifetime { lifetime });
        }
        Ok(Self { receipt_lifetime: lifetime, ..self })
    }

    /// Sets what wrong guesses in a row lead to.
    #[must_use]
    pub fn with_failure_limits(self, failures: FailureLimits) -> Self {
        Self { failures, ..self }
    }

    /// Sets the limits of client addresses.
    #[must_use]
    pub fn with_address_limits(self, addresses: AddressLimits) -> Self {
        Self { addresses, ..self }
    }

    /// Sets the limits of the whole tenant.
    #[must_use]
    pub fn with_tenant_limits(self, tenant: TenantLimits) -> Self {
        Self { tenant, ..self }
    }

    /// Sets the guard against sends that nobody verifies, or none.
    #[must_use]
    pub fn with_fraud_guard(self, guard: Option<FraudGuard>) -> Self {
        Self { guard, ..self }
    }

    /// Whether a code of this many digits can be one of ours: our own length, or a caller's 6 to 8.
    pub(crate) fn knows_length(&self, digits: usize) -> bool {
        digits == self.code_length || (6..=8).contains(&digits)
    }

    /// The most sends of the tenant in a day, where it has a limit: those at once, and as many again in each period.
    #[must_use]
    pub fn sends_a_day(&self) -> Option<u64> {
        let limit = self.tenant.sends?;
        let periods = 86_400_000u128.div_ceil(limit.period().as_millis().max(1)) + 1;
        Some(u64::from(limit.count()).saturating_mul(u64::try_from(periods).unwrap_or(u64::MAX)))
    }

    /// How long a code lives from its first send.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

/// A policy broke a floor or a ceiling, or contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Codes have 6 to 8 digits.
    #[error("a code of {digits} digits is refused: 6 to 8 (NIST SP 800-63B-4 asks for six or more)")]
    CodeLength {
        /// What was asked for.
        digits: usize,
    },
    /// Codes live at most ten minutes.
    #[error("a lifetime of {} ms is refused: 1 ms to 600 s", lifetime.as_millis())]
    Lifetime {
        /// What was asked for.
        lifetime: Duration,
    },
    /// One to ten guesses.
    #[error("{guesses} guesses per code are refused: 1 to 10")]
    Guesses {
        /// What was asked for.
        guesses: u8,
    },
    /// One to eight waits, ascending, none above a day or the quiet time that forgets them.
    #[error("the cool-down ladder needs one to eight ascending waits, none above a day or the quiet time")]
    Ladder,
    /// Ceiling of 1 to 100, waits that fit into the time after which failures are forgotten.
    #[error(
        "failure limits: a ceiling of 1 to 100, free failures within it, waits ascending and within the quiet time"
    )]
    Failures,
    /// A rate of 1 to 10,000,000 in 1 ms to 7 days.
    #[error("a rate limit is 1 to 10,000,000 in 1 ms to 7 days, at least a microsecond for each")]
    Rate,
    /// 1 to 10,000,000 parts a day.
    #[error("a daily cap is 1 to 10,000,000 parts")]
    Spend,
    /// Credits of 1 to 10,000,000, 1 to 100 earned by a verified send, a window of at most a day.
    #[error(
        "fraud guard: credits of 1 to 10,000,000, 1 to 100 earned by a verified send, a window of 1 ms to a day"
    )]
    Guard,
    /// One to four windows, each longer and no tighter than the one before.
    #[error("send windows: one to four, each longer and no smaller than the one before, at most 100 sends")]
    Windows,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_below_a_floor_cannot_be_built() {
        let policy = Policy::default;
        assert!(policy().with_code_length(5).is_err());
        assert!(policy().with_code_length(9).is_err());
        assert!(policy().legacy_short_codes(4).is_ok());
        assert!(policy().legacy_short_codes(3).is_err());
        assert!(policy().with_lifetime(Duration::from_secs(601)).is_err());
        assert!(policy().with_lifetime(Duration::ZERO).is_err());
        assert!(policy().with_guesses(0).is_err());
        assert!(policy().with_guesses(11).is_err());
    }
}
