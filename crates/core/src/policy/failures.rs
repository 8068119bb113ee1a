//! Consecutive wrong guesses: growing waits for a session, a ceiling for a phone.

use std::time::Duration;

use super::PolicyError;

/// The most wrong guesses in a row that a phone may ever see before an operator looks (NIST SP 800-63B-4,
/// section 3.2.2: no more than 100).
pub const MAX_CEILING: u8 = 100;

const DAY: Duration = Duration::from_secs(86_400);

/// What wrong guesses in a row lead to, beyond the guesses of one code. A new code never resets these
/// counts; a right one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureLimits {
    ceiling: u8,
    free: u8,
    first_wait: Duration,
    longest_wait: Duration,
    forget_after: Duration,
}

impl Default for FailureLimits {
    /// 100 in a row lock the phone for this purpose until an operator unlocks it; from the tenth of a session
    /// on it waits 30 s, doubling up to an hour; a session's failures are forgotten a day after the last one.
    fn default() -> Self {
        Self {
            ceiling: MAX_CEILING,
            free: 10,
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_secs(3600),
            forget_after: DAY,
        }
    }
}

impl FailureLimits {
    /// Builds limits from the ceiling of a phone and purpose (1 to 100), the failures of a session after
    /// which it waits (1 to the ceiling), its first and its longest wait, and the time after the last failure
    /// at which a session's are forgotten.
    ///
    /// # Errors
    /// [`PolicyError::Failures`] when they contradict themselves.
    pub fn new(
        ceiling: u8,
        free: u8,
        first_wait: Duration,
        longest_wait: Duration,
        forget_after: Duration,
    ) -> Result<Self, PolicyError> {
        let sound = (1..=MAX_CEILING).contains(&ceiling)
            && (1..=ceiling).contains(&free)
            && first_wait >= Duration::from_millis(1)
            && first_wait <= longest_wait
            // Forgotten within a wait, a wait would switch itself off.
            && longest_wait <= forget_after
            && forget_after <= 7 * DAY;
        if !sound {
            return Err(PolicyError::Failures);
        }
        Ok(Self { ceiling, free, first_wait, longest_wait, forget_after })
    }

    /// Wrong guesses in a row after which a phone is locked for a purpose.
    #[must_use]
    pub fn ceiling(&self) -> u8 {
        self.ceiling
    }

    /// Wrong guesses in a row after which a session waits.
    #[must_use]
    pub fn free(&self) -> u8 {
        self.free
    }

    /// How long a session waits that has failed `failures` times in a row: the first wait, doubled with
    /// every further failure, up to the longest.
    #[must_use]
    pub fn wait(&self, failures: u8) -> Duration {
        let Some(doublings) = failures.checked_sub(self.free) else {
            return Duration::ZERO;
        };
        let factor = 2u32.checked_pow(u32::from(doublings)).unwrap_or(u32::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }

    pub(crate) fn first_wait(&self) -> Duration {
        self.first_wait
    }

    pub(crate) fn longest_wait(&self) -> Duration {
        self.longest_wait
    }

    pub(crate) fn forget_after(&self) -> Duration {
        self.forget_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_start_after_the_free_failures_and_double_up_to_the_longest() {
        let limits = FailureLimits::default();
        let waits: Vec<u64> = (9..=18).map(|failures| limits.wait(failures).as_secs()).collect();
        assert_eq!(waits, [0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(limits.wait(u8::MAX).as_secs(), 3600);
    }

    #[test]
    fn a_ceiling_above_the_norm_cannot_be_built() {
        let build = |ceiling, free, first, longest, forget| {
            let s = Duration::from_secs;
            FailureLimits::new(ceiling, free, s(first), s(longest), s(forget)).is_ok()
        };
        assert!(build(100, 10, 30, 3600, 86_400));
        assert!(!build(101, 10, 30, 3600, 86_400));
        assert!(!build(0, 10, 30, 3600, 86_400));
        assert!(!build(5, 6, 30, 3600, 86_400));
        assert!(!build(100, 0, 30, 3600, 86_400));
        assert!(!build(100, 10, 0, 3600, 86_400));
        assert!(!build(100, 10, 60, 30, 86_400));
        assert!(!build(100, 10, 30, 3600, 3599), "forgotten within a wait");
    }
}
