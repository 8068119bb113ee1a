//! Circuit breakers in Redis; the record is in `lua/enter_gateway.lua`.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reply::{Reply, number},
    script::{ENTER_GATEWAY, REPORT_GATEWAY},
};
use crate::{
    secret::Fingerprint,
    store::{
        Admission, BreakerStore, CallOutcome, FAILURES_TO_OPEN, OPEN_AT_MOST, OPEN_FOR, PROBE_LEASE,
        RETRY_AFTER_AT_MOST, RETRY_BUDGET, StoreError, breakers::BREAKER_KEPT,
    },
};

#[async_trait]
impl BreakerStore for RedisStore {
    async fn enter(&self, gateway: &Fingerprint) -> Result<Admission, StoreError> {
        let breaker = self.keys.breaker(gateway);
        let keys = [breaker.as_str()];
        let call = ENTER_GATEWAY.on(&keys).number(ms(PROBE_LEASE)).number(ms(BREAKER_KEPT));
        let reply = call.run(&mut self.connections.shared()).await?;
        admission(reply).ok_or_else(|| call.unreadable())
    }

    async fn report(
        &self,
        gateway: &Fingerprint,
        outcome: CallOutcome,
        retry: bool,
    ) -> Result<bool, StoreError> {
        let breaker = self.keys.breaker(gateway);
        let keys = [breaker.as_str()];
        let (outcome, wait) = match outcome {
            CallOutcome::Answered => (1, Duration::ZERO),
            CallOutcome::Failed => (2, Duration::ZERO),
            CallOutcome::ToldToWait(wait) => (3, wait.clamp(Duration::from_millis(1), RETRY_AFTER_AT_MOST)),
        };
        let call = REPORT_GATEWAY
            .on(&keys)
            .number(outcome)
            .number(ms(wait))
            .number(u64::from(retry))
            .number(u64::from(FAILURES_TO_OPEN))
            .number(ms(OPEN_FOR))
            .number(ms(OPEN_AT_MOST))
            .number(u64::from(RETRY_BUDGET) * 10)
            .number(ms(BREAKER_KEPT));
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(|granted| granted == 1).ok_or_else(|| call.unreadable())
    }
}

fn admission(reply: Value) -> Option<Admission> {
    let mut reply = Reply::new(reply)?;
    Some(match reply.number()? {
        1 => Admission::Allowed,
        2 => Admission::Probe,
        0 => Admission::Open { retry_after: Duration::from_millis(reply.number()?) },
        _ => return None,
    })
}
