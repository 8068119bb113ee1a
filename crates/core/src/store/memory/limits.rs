//! Limits of addresses, tenants, countries and prefixes in memory. The same rules as `lua/charge.lua`.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::{
    secret::Fingerprint,
    store::{Charge, Charged, Limit, LimitStore, StoreError, send_times::ms},
};

const DAY_MS: u64 = 86_400_000;

/// What has been charged to one subject.
#[derive(Clone, Copy, Default)]
pub(super) struct Account {
    /// When all charged sends are used up, in microseconds.
    sends: u64,
    failed_checks: u64,
    parts: Parts,
    counts: Counts,
}

#[derive(Clone, Copy, Default)]
struct Parts {
    day: u64,
    parts: u32,
}

/// Sends and verified ones of a window and the one before.
#[derive(Clone, Copy, Default)]
struct Counts {
    window: u64,
    sends: u32,
    verified: u32,
    sends_before: u32,
    verified_before: u32,
}

impl Parts {
    fn at(self, now: u64) -> Self {
        let day = now / DAY_MS;
        if self.day == day { self } else { Self { day, parts: 0 } }
    }
}

impl Counts {
    fn at(self, window: Duration, now: u64) -> Self {
        let this = now / ms(window);
        match this - self.window {
            0 => self,
            1 => Self {
                window: this,
                sends_before: self.sends,
                verified_before: self.verified,
                ..Self::default()
            },
            _ => Self { window: this, ..Self::default() },
        }
    }

    fn all_sends(self) -> u32 {
        self.sends + self.sends_before
    }

    fn all_verified(self) -> u32 {
        self.verified + self.verified_before
    }
}

#[async_trait]
impl LimitStore for MemoryStore {
    async fn charge(&self, charge: &Charge<'_>) -> Result<Charged, StoreError> {
        let (mut state, now) = self.step();
        // Charged on a copy, so that a denial leaves nothing behind.
        let (mut charged, mut noticed) = (account(&state, charge.subject, now), false);
        for (i, limit) in charge.limits.iter().enumerate() {
            match charged.charge(limit, now) {
                Ok(seen) => noticed |= seen,
                Err(retry_after) => return Ok(Charged::Denied { limit: i, retry_after }),
            }
        }
        keep(&mut state, charge.subject, charged, now);
        Ok(Charged::Granted { noticed })
    }

    async fn refund(&self, charge: &Charge<'_>) -> Result<(), StoreError> {
        let (mut state, now) = self.step();
        let mut account = account(&state, charge.subject, now);
        for limit in charge.limits {
            account.refund(limit, now);
        }
        keep(&mut state, charge.subject, account, now);
        Ok(())
    }

    async fn credit_verified(&self, subject: &Fingerprint, window: Duration) -> Result<(), StoreError> {
        let (mut state, now) = self.step();
        let mut account = account(&state, subject, now);
        let mut counts = account.counts.at(window, now);
        if counts.all_verified() < counts.all_sends() {
            counts.verified += 1;
        }
        account.counts = counts;
        keep(&mut state, subject, account, now);
        Ok(())
    }
}

fn account(state: &State, subject: &Fingerprint, now: u64) -> Account {
    state.limits.get(subject, now).copied().unwrap_or_default()
}

/// Kept for as long as the longest period of any limit.
fn keep(state: &mut State, subject: &Fingerprint, account: Account, now: u64) {
    state.limits.put(subject.clone(), account, now, 7 * DAY_MS);
}

impl Account {
    /// Charges one limit; whether it was noticed by a limit that only observes, or how long to wait.
    fn charge(&mut self, limit: &Limit, now: u64) -> Result<bool, Duration> {
        let now_us = now * 1000;
        match limit {
            Limit::Sends(rate) | Limit::FailedChecks(rate) => {
                let used_up = self.rate(limit).max(now_us) + rate.interval_us();
                let most = now_us + rate.interval_us() * u64::from(rate.count());
                if used_up > most {
                    return Err(Duration::from_millis((used_up - most).div_ceil(1000)));
                }
                *self.rate_mut(limit) = used_up;
                Ok(false)
            }
            Limit::Parts { cap, parts } => {
                let mut today = self.parts.at(now);
                if today.parts + parts > cap.parts() {
                    return Err(Duration::from_millis(DAY_MS - now % DAY_MS));
                }
                today.parts += parts;
                self.parts = today;
                Ok(false)
            }
            Limit::Unverified { credit, per_verified, window, deny } => {
                let mut counts = self.counts.at(*window, now);
                let verified = counts.all_verified();
                let spent = counts.all_sends() - verified >= credit + per_verified * verified;
                if spent && *deny {
                    let ends = (counts.window + 1) * ms(*window);
                    return Err(Duration::from_millis(ends - now));
                }
                counts.sends += 1;
                self.counts = counts;
                Ok(spent)
            }
        }
    }

    fn refund(&mut self, limit: &Limit, now: u64) {
        match limit {
            Limit::Sends(rate) | Limit::FailedChecks(rate) => {
                let used_up = self.rate_mut(limit);
                *used_up = used_up.saturating_sub(rate.interval_us());
            }
            Limit::Parts { parts, .. } => {
                let mut today = self.parts.at(now);
                today.parts = today.parts.saturating_sub(*parts);
                self.parts = today;
            }
            Limit::Unverified { window, .. } => {
                let mut counts = self.counts.at(*window, now);
                if counts.sends > 0 {
                    counts.sends -= 1;
                } else {
                    counts.sends_before = counts.sends_before.saturating_sub(1);
                }
                self.counts = counts;
            }
        }
    }

    fn rate(&self, limit: &Limit) -> u64 {
        if matches!(limit, Limit::FailedChecks(_)) { self.failed_checks } else { self.sends }
    }

    fn rate_mut(&mut self, limit: &Limit) -> &mut u64 {
        if matches!(limit, Limit::FailedChecks(_)) { &mut self.failed_checks } else { &mut self.sends }
    }
}
