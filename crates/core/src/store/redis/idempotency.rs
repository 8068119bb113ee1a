//! Idempotency keys of sends in Redis; the record's layout is in `lua/claim_key.lua`.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reply::Reply,
    script::{CLAIM_KEY, FINISH_KEY, RELEASE_KEY},
};
use crate::{
    secret::Fingerprint,
    store::{ClaimKey, Claimed, IDEMPOTENCY_KEPT, IdempotencyStore, RequestId, StoreError},
};

#[async_trait]
impl IdempotencyStore for RedisStore {
    async fn claim_key(&self, claim: &ClaimKey<'_>) -> Result<Claimed, StoreError> {
        let record = self.keys.idempotency(claim.name.as_str());
        let keys = [record.as_str()];
        let call = CLAIM_KEY
            .on(&keys)
            .bytes(claim.arguments)
            .bytes(claim.send.0)
            .number(ms(claim.lease))
            .number(ms(IDEMPOTENCY_KEPT));
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        claimed(reply).ok_or_else(|| call.unreadable())
    }

    async fn finish_key(
        &self,
        name: &Fingerprint,
        send: RequestId,
        outcome: &[u8],
    ) -> Result<(), StoreError> {
        let record = self.keys.idempotency(name.as_str());
        let keys = [record.as_str()];
        let call = FINISH_KEY.on(&keys).bytes(send.0).bytes(outcome);
        call.run_repeatable(&mut self.connections.shared()).await.map(drop)
    }

    async fn release_key(&self, name: &Fingerprint, send: RequestId) -> Result<(), StoreError> {
        let record = self.keys.idempotency(name.as_str());
        let keys = [record.as_str()];
        let call = RELEASE_KEY.on(&keys).bytes(send.0);
        call.run_repeatable(&mut self.connections.shared()).await.map(drop)
    }
}

fn claimed(reply: Value) -> Option<Claimed> {
    let mut reply = Reply::new(reply)?;
    Some(match reply.number()? {
        1 => Claimed::Yours { send: RequestId(reply.array()?) },
        2 => Claimed::InFlight { retry_after: Duration::from_millis(reply.number()?) },
        3 => Claimed::Done { ago: Duration::from_millis(reply.number()?), outcome: reply.bytes()? },
        4 => Claimed::OtherArguments,
        _ => return None,
    })
}
