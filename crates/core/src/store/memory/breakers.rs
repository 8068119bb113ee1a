//! Circuit breakers in memory. The same rules as `lua/enter_gateway.lua` and `lua/report_gateway.lua`.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    secret::Fingerprint,
    store::{
        Admission, BreakerStore, CallOutcome, FAILURES_TO_OPEN, OPEN_AT_MOST, OPEN_FOR, PROBE_LEASE,
        RETRY_AFTER_AT_MOST, RETRY_BUDGET, StoreError, send_times::ms,
    },
};

#[derive(Clone, Copy, Default)]
pub(super) struct Breaker {
    /// In a row.
    failures: u32,
    /// Times in a row.
    opened: u32,
    open_until: u64,
    probe_until: u64,
    /// Tenths of retries.
    spent: u32,
}

#[async_trait]
impl BreakerStore for MemoryStore {
    async fn enter(&self, gateway: &Fingerprint) -> Result<Admission, StoreError> {
        let (mut state, now) = self.step();
        let breaker = state.breakers.entry(gateway.clone()).or_default();
        let busy_until = breaker.open_until.max(breaker.probe_until);
        if breaker.opened == 0 {
            return Ok(Admission::Allowed);
        }
        if busy_until > now {
            return Ok(Admission::Open { retry_after: Duration::from_millis(busy_until - now) });
        }
        breaker.probe_until = now + ms(PROBE_LEASE);
        Ok(Admission::Probe)
    }

    async fn report(
        &self,
        gateway: &Fingerprint,
        outcome: CallOutcome,
        retry: bool,
    ) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let breaker = state.breakers.entry(gateway.clone()).or_default();
        // Calls that were under way when it opened neither close it nor open it once more.
        let open = breaker.open_until > now;
        match outcome {
            CallOutcome::Answered if !open => {
                *breaker = Breaker { spent: breaker.spent.saturating_sub(1), ..Breaker::default() };
                return Ok(false);
            }
            CallOutcome::Answered => return Ok(false),
            CallOutcome::Failed if open => return Ok(false),
            CallOutcome::ToldToWait(wait) if open => {
                breaker.open_until = breaker.open_until.max(now + asked(wait));
                return Ok(false);
            }
            _ => {}
        }
        breaker.failures += 1;
        breaker.probe_until = 0;
        let wait = match outcome {
            CallOutcome::ToldToWait(wait) => Some(asked(wait)),
            _ if breaker.opened > 0 || breaker.failures >= FAILURES_TO_OPEN => {
                Some(ms(OPEN_FOR.saturating_mul(2u32.pow(breaker.opened.min(20))).min(OPEN_AT_MOST)))
            }
            _ => None,
        };
        if let Some(wait) = wait {
            breaker.opened += 1;
            breaker.failures = 0;
            breaker.open_until = breaker.open_until.max(now + wait);
            return Ok(false);
        }
        let granted = retry && breaker.spent + 10 <= RETRY_BUDGET * 10;
        if granted {
            breaker.spent += 10;
        }
        Ok(granted)
    }
}

/// How long a gateway may ask to be left alone, in milliseconds.
fn asked(wait: Duration) -> u64 {
    ms(wait.clamp(Duration::from_millis(1), RETRY_AFTER_AT_MOST))
}
