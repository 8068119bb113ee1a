//! Cool-down ladder and exact windows of one phone.

use std::time::Duration;

use super::PolicyError;

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

#[cfg(test)]
mod tests {
    use super::*;

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
