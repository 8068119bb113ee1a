//! The rules of one-time codes. A policy that breaks a floor cannot be built.
//!
//! Floors and ceilings: NIST SP 800-63B-4, sections 3.1.3.2 (out-of-band secrets: at least six digits,
//! valid for at most ten minutes) and 3.2.2 (throttling); OWASP ASVS 5.0, sections 6.5 and 6.6.

use std::time::Duration;

/// The rules for one kind of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) code_length: usize,
    pub(crate) lifetime: Duration,
    pub(crate) guesses: u8,
    pub(crate) resend_min_left: Duration,
    pub(crate) remember_used: Duration,
    pub(crate) require_handle: bool,
    pub(crate) limits: SendLimits,
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
            limits: SendLimits::default(),
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

    /// Whether a code of this many digits can be one of ours: our own length, or a caller's 6 to 8.
    pub(crate) fn knows_length(&self, digits: usize) -> bool {
        digits == self.code_length || (6..=8).contains(&digits)
    }

    /// How long a code lives from its first send.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

/// Cool-down ladder and exact windows of one phone, shared by all purposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendLimits {
    ladder: Vec<Duration>,
    forget_after: Duration,
    windows: Vec<Window>,
}

/// At most `sends` sends in any `period`: exact, from the kept times of the sends themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Sends allowed, 1 to 100.
    pub sends: u8,
    /// Length of the window.
    pub period: Duration,
}

impl Default for SendLimits {
    /// Waits of 30, 60, 120 and 300 s; 5 sends in 10 minutes and 10 in 24 hours; the ladder starts
    /// again after 30 minutes without a send.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            ladder: [30, 60, 120, 300].map(seconds).to_vec(),
            forget_after: seconds(1800),
            windows: vec![
                Window { sends: 5, period: seconds(600) },
                Window { sends: 10, period: seconds(86_400) },
            ],
        }
    }
}

impl SendLimits {
    /// Builds limits from the waits after the first, second, … send, the quiet time after which they
    /// start again, and one to four windows from the shortest to the longest.
    ///
    /// # Errors
    /// [`PolicyError::Ladder`] or [`PolicyError::Windows`] when they contradict themselves.
    pub fn new(
        ladder: Vec<Duration>,
        forget_after: Duration,
        windows: Vec<Window>,
    ) -> Result<Self, PolicyError> {
        let day = Duration::from_secs(86_400);
        let ascending = ladder.windows(2).all(|pair| pair[0] <= pair[1]);
        // A quiet time within a wait would switch the ladder off.
        let outlived = ladder.last().is_some_and(|wait| *wait > forget_after);
        if outlived
            || ladder.is_empty()
            || ladder.len() > 8
            || !ascending
            || ladder.iter().any(|wait| *wait > day)
        {
            return Err(PolicyError::Ladder);
        }
        let wider = windows.windows(2).all(|w| w[0].period < w[1].period && w[0].sends <= w[1].sends);
        let bounded = windows.iter().all(|w| {
            (1..=100).contains(&w.sends) && w.period >= Duration::from_millis(1) && w.period <= 7 * day
        });
        if windows.is_empty() || windows.len() > 4 || !wider || !bounded || forget_after > 7 * day {
            return Err(PolicyError::Windows);
        }
        Ok(Self { ladder, forget_after, windows })
    }

    pub(crate) fn ladder(&self) -> &[Duration] {
        &self.ladder
    }

    pub(crate) fn forget_after(&self) -> Duration {
        self.forget_after
    }

    pub(crate) fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// How long a phone's sends must be remembered.
    pub(crate) fn memory(&self) -> Duration {
        let longest = self.windows.iter().map(|window| window.period).max().unwrap_or_default();
        let wait = self.ladder.iter().copied().max().unwrap_or_default();
        longest.max(self.forget_after).max(wait)
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

    #[test]
    fn limits_that_contradict_themselves_cannot_be_built() {
        let s = Duration::from_secs;
        let window = |sends, period| Window { sends, period: s(period) };
        let quiet = s(60);
        assert!(SendLimits::new(vec![], quiet, vec![window(1, 1)]).is_err());
        assert!(SendLimits::new(vec![s(60), s(30)], quiet, vec![window(1, 1)]).is_err());
        assert!(SendLimits::new(vec![s(61)], quiet, vec![window(1, 1)]).is_err(), "forgotten before it ends");
        assert!(SendLimits::new(vec![s(30)], quiet, vec![]).is_err());
        assert!(SendLimits::new(vec![s(30)], quiet, vec![window(5, 60), window(3, 600)]).is_err());
        assert!(SendLimits::new(vec![s(30)], quiet, vec![window(0, 60)]).is_err());
        assert!(SendLimits::new(vec![s(30)], quiet, vec![window(5, 60), window(10, 600)]).is_ok());
    }
}
