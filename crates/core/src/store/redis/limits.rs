//! Limits of addresses, tenants, countries and prefixes in Redis; the formats are in `lua/limits.lua`.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reply::{Reply, number},
    script::{CHARGE, CREDIT_VERIFIED, Call, LuaScript, REFUND},
};
use crate::{
    secret::Fingerprint,
    store::{Charge, Charged, Limit, LimitStore, StoreError},
};

#[async_trait]
impl LimitStore for RedisStore {
    async fn charge(&self, charge: &Charge<'_>) -> Result<Charged, StoreError> {
        let keys = self.limit_keys(charge);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let call = with_limits(&CHARGE, &keys, charge.limits);
        let reply = call.run(&mut self.connections.shared()).await?;
        charged(reply).ok_or_else(|| call.unreadable())
    }

    async fn refund(&self, charge: &Charge<'_>) -> Result<(), StoreError> {
        let keys = self.limit_keys(charge);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let call = with_limits(&REFUND, &keys, charge.limits);
        call.run(&mut self.connections.shared()).await.map(drop)
    }

    async fn credit_verified(&self, subject: &Fingerprint, window: Duration) -> Result<(), StoreError> {
        let counts = self.keys.unverified(subject);
        let keys = [counts.as_str()];
        let call = CREDIT_VERIFIED.on(&keys).number(ms(window));
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).map(drop).ok_or_else(|| call.unreadable())
    }
}

impl RedisStore {
    fn limit_keys(&self, charge: &Charge<'_>) -> Vec<String> {
        charge.limits.iter().map(|limit| self.keys.limit(charge.subject, limit)).collect()
    }
}

fn with_limits<'a>(script: &'a LuaScript, keys: &'a [&'a str], limits: &[Limit]) -> Call<'a> {
    limits.iter().fold(script.on(keys), |call, limit| {
        let (kind, numbers) = match limit {
            Limit::Sends(rate) | Limit::FailedChecks(rate) => {
                ("r", [rate.interval_us(), u64::from(rate.count()), 0, 0])
            }
            Limit::Parts { cap, parts } => ("p", [u64::from(cap.parts()), u64::from(*parts), 0, 0]),
            Limit::Unverified { credit, per_verified, window, deny } => {
                ("u", [u64::from(*credit), u64::from(*per_verified), ms(*window), u64::from(*deny)])
            }
        };
        numbers.into_iter().fold(call.bytes(kind), Call::number)
    })
}

fn charged(reply: Value) -> Option<Charged> {
    let mut reply = Reply::new(reply)?;
    if reply.number()? == 1 {
        return Some(Charged::Granted { noticed: reply.number()? == 1 });
    }
    let limit = usize::try_from(reply.number()?).ok()?.checked_sub(1)?;
    Some(Charged::Denied { limit, retry_after: Duration::from_millis(reply.number()?) })
}
