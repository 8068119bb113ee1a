//! Limits that are not a phone's: of a client address, a tenant, a day's spending, and the guard against
//! sends that nobody verifies.

use std::time::Duration;

use super::PolicyError;

const DAY: Duration = Duration::from_secs(86_400);
/// More at once than any fleet sends: above it, a limit is a mistake.
const MAX_COUNT: u32 = 10_000_000;

/// So many at once, and as many again spread over each period (the generic cell rate algorithm: one stored
/// time instead of a list).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    count: u32,
    period: Duration,
}

impl RateLimit {
    /// Builds a limit of `count` (1 to 10,000,000) in `period` (1 ms to 7 days, at least 1 µs for each).
    ///
    /// # Errors
    /// [`PolicyError::Rate`].
    pub const fn new(count: u32, period: Duration) -> Result<Self, PolicyError> {
        let micros = period.as_micros();
        if count == 0
            || count > MAX_COUNT
            || period.as_millis() == 0
            || period.as_secs() > 7 * DAY.as_secs()
            || micros < count as u128
        {
            return Err(PolicyError::Rate);
        }
        Ok(Self { count, period })
    }

    const fn of(count: u32, seconds: u64) -> Self {
        match Self::new(count, Duration::from_secs(seconds)) {
            Ok(limit) => limit,
            Err(_) => panic!("a default limit is sound"),
        }
    }

    /// How many at once.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The time in which as many again become possible.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Microseconds that one costs.
    pub(crate) fn interval_us(&self) -> u64 {
        u64::try_from(self.period.as_micros()).unwrap_or(u64::MAX) / u64::from(self.count)
    }
}

/// Limits of client addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressLimits {
    /// Sends of one address (IPv6: of one /64).
    pub sends: RateLimit,
    /// Failed checks of one address.
    pub failed_checks: RateLimit,
    /// Sends of all callers together whose address is not known.
    pub unknown_sends: RateLimit,
    /// Failed checks of all callers together whose address is not known.
    pub unknown_failed_checks: RateLimit,
}

impl Default for AddressLimits {
    /// 20 sends an hour and 30 failed checks in 5 minutes; ten times as much for all unknown addresses
    /// together.
    fn default() -> Self {
        Self {
            sends: RateLimit::of(20, 3600),
            failed_checks: RateLimit::of(30, 300),
            unknown_sends: RateLimit::of(200, 3600),
            unknown_failed_checks: RateLimit::of(300, 300),
        }
    }
}

/// Limits of a whole tenant; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Sends.
    pub sends: Option<RateLimit>,
    /// Billed parts a day (UTC).
    pub parts_a_day: Option<SpendCap>,
}

/// The most parts that a tenant's codes may cost in one day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendCap(u32);

impl SpendCap {
    /// Builds a cap of 1 to 10,000,000 parts a day.
    ///
    /// # Errors
    /// [`PolicyError::Spend`].
    pub const fn new(parts: u32) -> Result<Self, PolicyError> {
        if parts == 0 || parts > MAX_COUNT { Err(PolicyError::Spend) } else { Ok(Self(parts)) }
    }

    /// Parts a day.
    #[must_use]
    pub fn parts(&self) -> u32 {
        self.0
    }
}

/// What happens to a send that the fraud guard would stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardMode {
    /// It goes out, and a metric and a log line tell: the mode to begin with.
    #[default]
    Observe,
    /// It is refused.
    Deny,
}

/// Guard against SMS pumping: sends that nobody verifies, per country, number prefix and client address.
///
/// A bucket may have so many unverified sends on credit, and so many more for each verified one; when they
/// are used up, its sends stop until verifications come in or the window moves on. An honest bucket earns
/// more than it spends; a swept range earns nothing and is stopped after its allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FraudGuard {
    pub(crate) mode: GuardMode,
    pub(crate) window: Duration,
    pub(crate) per_verified: u32,
    pub(crate) country: u32,
    pub(crate) prefix: u32,
    pub(crate) address: u32,
}

impl Default for FraudGuard {
    /// Observes, in windows of an hour: 500 unverified sends on credit for a country, 50 for a prefix and 15
    /// for an address, and 3 more for each verified one, which is a bucket of which at least a quarter
    /// verifies.
    fn default() -> Self {
        Self {
            mode: GuardMode::Observe,
            window: Duration::from_secs(3600),
            per_verified: 3,
            country: 500,
            prefix: 50,
            address: 15,
        }
    }
}

impl FraudGuard {
    /// Sets the mode.
    #[must_use]
    pub fn with_mode(self, mode: GuardMode) -> Self {
        Self { mode, ..self }
    }

    /// Sets the window, 1 ms to a day. Counts are kept for the present and the previous one.
    ///
    /// # Errors
    /// [`PolicyError::Guard`].
    pub fn with_window(self, window: Duration) -> Result<Self, PolicyError> {
        if window < Duration::from_millis(1) || window > DAY {
            return Err(PolicyError::Guard);
        }
        Ok(Self { window, ..self })
    }

    /// Sets the unverified sends on credit of a country, a prefix and an address, and how many more each
    /// verified send earns. Each credit is 1 to 10,000,000; the earnings 1 to 100.
    ///
    /// # Errors
    /// [`PolicyError::Guard`].
    pub fn with_credit(
        self,
        country: u32,
        prefix: u32,
        address: u32,
        per_verified: u32,
    ) -> Result<Self, PolicyError> {
        let sound = |credit| (1..=MAX_COUNT).contains(&credit);
        if ![country, prefix, address].into_iter().all(sound) || !(1..=100).contains(&per_verified) {
            return Err(PolicyError::Guard);
        }
        Ok(Self { country, prefix, address, per_verified, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_cannot_be_meant_cannot_be_built() {
        let s = Duration::from_secs;
        assert!(RateLimit::new(0, s(60)).is_err());
        assert!(RateLimit::new(1, Duration::ZERO).is_err());
        assert!(RateLimit::new(1, s(8 * 86_400)).is_err());
        assert!(RateLimit::new(10_000_001, s(86_400)).is_err());
        assert!(RateLimit::new(5000, Duration::from_millis(1)).is_err(), "less than a microsecond each");
        assert_eq!(RateLimit::new(20, s(3600)).unwrap().interval_us(), 180_000_000);
        assert!(SpendCap::new(0).is_err());
        assert!(FraudGuard::default().with_credit(0, 1, 1, 1).is_err());
        assert!(FraudGuard::default().with_credit(1, 1, 1, 101).is_err());
        assert!(FraudGuard::default().with_window(s(86_401)).is_err());
    }
}
