//! How likely a break-in by guessing is under a policy.
//!
//! A guess at one of `10^d` codes is right with probability `10^-d`. What bounds the guesses of a day at one
//! phone is the number of fresh codes that its send windows and its cool-down allow, times the guesses of
//! each, and never more than the ceiling of failures in a row.

use std::time::Duration;

use super::Policy;

const DAY: Duration = Duration::from_secs(86_400);

/// The break-in probability per phone and day that a configuration may have unless it is told otherwise.
pub const RISK_TARGET: f64 = 1e-4;

/// Probabilities of a break-in by guessing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Risk {
    /// For one code.
    pub per_code: f64,
    /// Guesses that somebody who requests and guesses all day has at one phone and purpose.
    pub guesses_per_phone_day: u64,
    /// For one phone, purpose and day.
    pub per_phone_day: f64,
    /// Until the ceiling of failures in a row locks the phone, however many days it takes.
    pub per_phone_until_locked: f64,
}

impl Risk {
    /// Works out the figures of a policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let guesses = u64::from(policy.guesses);
        let ceiling = u64::from(policy.failures.ceiling());
        let a_day = (sends_a_day(policy) * guesses).min(ceiling);
        let digits = i32::try_from(policy.code_length).unwrap_or(8);
        let one = 10f64.powi(-digits);
        Self {
            per_code: probability(guesses, one),
            guesses_per_phone_day: a_day,
            per_phone_day: probability(a_day, one),
            per_phone_until_locked: probability(ceiling, one),
        }
    }

    /// For a fleet that sends `sends` codes a day, when every guess of each is used.
    #[must_use]
    pub fn per_fleet_day(policy: &Policy, sends: u64) -> f64 {
        let digits = i32::try_from(policy.code_length).unwrap_or(8);
        probability(sends.saturating_mul(u64::from(policy.guesses)), 10f64.powi(-digits))
    }
}

/// At least one success in `guesses` distinct or independent guesses, bounded by their sum: an upper bound
/// that is exact to within a factor of (1 - p) where it matters.
fn probability(guesses: u64, one: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count of guesses; 53 bits are plenty")]
    let sum = guesses as f64 * one;
    sum.min(1.0)
}

/// The most sends that a phone can get in any 24 hours.
fn sends_a_day(policy: &Policy) -> u64 {
    let by_windows = policy.limits.windows().iter().map(|window| {
        let sends = u64::from(window.sends);
        if window.period >= DAY {
            return sends;
        }
        // Windows of a period can begin so often within a day, the first with its sends at once.
        let begun = DAY.as_millis().div_ceil(window.period.as_millis().max(1));
        sends.saturating_mul(u64::try_from(begun).unwrap_or(u64::MAX))
    });
    by_windows.min().unwrap_or(u64::MAX).min(by_ladder(policy))
}

/// The sends that the cool-down ladder lets through in a day: the fastest of climbing it to its end and of
/// waiting again and again until it is forgotten.
fn by_ladder(policy: &Policy) -> u64 {
    let ladder = policy.limits.ladder();
    let mut fastest = 0;
    for climb in 1..=ladder.len() {
        // `climb` sends, then either the quiet time or, at the last step, its wait for ever.
        let waits: Duration = ladder[..climb - 1].iter().sum();
        let round = waits + policy.limits.forget_after();
        let rounds = DAY.as_millis() / round.as_millis().max(1) + 1;
        fastest = fastest.max(rounds.saturating_mul(climb as u128));
    }
    let climbing: Duration = ladder.iter().sum();
    let last = ladder.last().copied().unwrap_or_default().as_millis();
    let left = DAY.saturating_sub(climbing).as_millis();
    let endless = left.checked_div(last).map_or(u128::MAX, |more| more + ladder.len() as u128 + 1);
    u64::try_from(fastest.max(endless)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{SendLimits, Window};

    #[test]
    fn the_defaults_stay_below_the_target() {
        let risk = Risk::of(&Policy::default());
        assert_eq!(risk.guesses_per_phone_day, 50);
        assert!((risk.per_phone_day - 5e-5).abs() < 1e-12);
        assert!((risk.per_code - 5e-6).abs() < 1e-12);
        assert!((risk.per_phone_until_locked - 1e-4).abs() < 1e-12);
        assert!(risk.per_phone_day <= RISK_TARGET);
        assert!((Risk::per_fleet_day(&Policy::default(), 10_000) - 0.05).abs() < 1e-9);
    }

    #[test]
    fn without_a_day_window_the_ceiling_is_what_bounds_a_day() {
        let s = Duration::from_secs;
        let limits = SendLimits::new(vec![s(1)], s(60), vec![Window { sends: 5, period: s(600) }]).unwrap();
        let policy = Policy::default().with_send_limits(limits);
        assert_eq!(Risk::of(&policy).guesses_per_phone_day, 100);
    }

    #[test]
    fn a_ladder_alone_bounds_the_sends_of_a_day() {
        let s = Duration::from_secs;
        let limits =
            SendLimits::new(vec![s(43_200)], s(43_200), vec![Window { sends: 100, period: s(86_400) }])
                .unwrap();
        let policy = Policy::default().with_send_limits(limits).with_guesses(1).unwrap();
        assert_eq!(
            Risk::of(&policy).guesses_per_phone_day,
            3,
            "at the first moment, the middle and the last"
        );
    }
}
