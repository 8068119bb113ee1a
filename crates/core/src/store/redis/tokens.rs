//! The shared bearer token in Redis.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reply::{Reply, number},
    script::{ACQUIRE_TOKEN, BLOCK_TOKEN, DISCARD_TOKEN, KEEP_TOKEN},
};
use crate::store::{Acquired, RequestId, SealedToken, StoreError, TokenKey, TokenProblem, TokenStore};

#[async_trait]
impl TokenStore for RedisStore {
    async fn acquire(
        &self,
        key: &TokenKey,
        owner: &RequestId,
        lease: Duration,
        renew_below: Duration,
    ) -> Result<Acquired, StoreError> {
        let [token, lease_key, block] = self.keys.token(key);
        let keys = [token.as_str(), lease_key.as_str(), block.as_str()];
        let call = ACQUIRE_TOKEN.on(&keys).bytes(owner.0).number(ms(lease)).number(ms(renew_below));
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        acquired(reply).ok_or_else(|| call.unreadable())
    }

    async fn keep(&self, key: &TokenKey, owner: &RequestId, token: &SealedToken) -> Result<bool, StoreError> {
        let [token_key, lease, block] = self.keys.token(key);
        let keys = [token_key.as_str(), lease.as_str(), block.as_str()];
        let call = KEEP_TOKEN
            .on(&keys)
            .bytes(owner.0)
            .bytes(token.id.as_str())
            .number(ms(token.remaining).max(1))
            .bytes(token.sealed.as_slice());
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&reply).map(|kept| kept == 1).ok_or_else(|| call.unreadable())
    }

    async fn discard(&self, key: &TokenKey, id: &str) -> Result<(), StoreError> {
        let [token, ..] = self.keys.token(key);
        DISCARD_TOKEN.on(&[&token]).bytes(id).run_repeatable(&mut self.connections.shared()).await.map(drop)
    }

    async fn block(
        &self,
        key: &TokenKey,
        owner: &RequestId,
        problem: TokenProblem,
        retry_after: Duration,
    ) -> Result<(), StoreError> {
        let [_, lease, block] = self.keys.token(key);
        let problem = match problem {
            TokenProblem::CredentialsRefused => 1,
            TokenProblem::Unavailable => 2,
        };
        BLOCK_TOKEN
            .on(&[&lease, &block])
            .bytes(owner.0)
            .number(problem)
            .number(ms(retry_after).max(1))
            .run_repeatable(&mut self.connections.shared())
            .await
            .map(drop)
    }
}

fn acquired(reply: Value) -> Option<Acquired> {
    let mut reply = Reply::new(reply)?;
    Some(match reply.number()? {
        1 => {
            let (id, sealed) = (reply.text()?, reply.bytes()?);
            let remaining = Duration::from_millis(reply.number()?);
            Acquired::Token { token: SealedToken { id, sealed, remaining }, renew: reply.number()? == 1 }
        }
        2 => Acquired::Renew,
        3 => Acquired::Wait,
        4 => {
            let problem = match reply.text()?.as_str() {
                "1" => TokenProblem::CredentialsRefused,
                "2" => TokenProblem::Unavailable,
                _ => return None,
            };
            Acquired::Blocked { problem, retry_after: Duration::from_millis(reply.number()?) }
        }
        _ => return None,
    })
}
