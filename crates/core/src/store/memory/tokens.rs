//! The shared bearer token in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, ms};
use crate::store::{Acquired, RequestId, SealedToken, StoreError, TokenKey, TokenProblem, TokenStore};

/// What is known of one gateway account. Times are milliseconds since the Unix epoch.
#[derive(Default)]
pub(super) struct Account {
    token: Option<Token>,
    lease: Option<(RequestId, u64)>,
    block: Option<(TokenProblem, u64)>,
}

struct Token {
    id: String,
    sealed: Vec<u8>,
    lifetime: u64,
    expires: u64,
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn acquire(
        &self,
        key: &TokenKey,
        owner: &RequestId,
        lease: Duration,
        renew_below: Duration,
    ) -> Result<Acquired, StoreError> {
        let (mut state, now) = self.step();
        let account = state.tokens.entry(key.clone()).or_default();
        account.token.take_if(|token| token.expires <= now);
        account.lease.take_if(|(_, ends)| *ends <= now);
        account.block.take_if(|(_, ends)| *ends <= now);
        // Free for the first who asks, and for a repeat of that call.
        let free = account.lease.is_none_or(|(holder, _)| holder == *owner);
        let held = Some((*owner, now + ms(lease)));

        if let Some(token) = &account.token {
            let remaining = token.expires - now;
            // A token that lives for minutes is renewed in its last quarter.
            let due = remaining <= ms(renew_below).min(token.lifetime / 4);
            let renew = due && free && account.block.is_none();
            let remaining = Duration::from_millis(remaining);
            let token = SealedToken { id: token.id.clone(), sealed: token.sealed.clone(), remaining };
            if renew {
                account.lease = held;
            }
            return Ok(Acquired::Token { token, renew });
        }
        if let Some((problem, ends)) = account.block {
            return Ok(Acquired::Blocked { problem, retry_after: Duration::from_millis(ends - now) });
        }
        if free {
            account.lease = held;
            return Ok(Acquired::Renew);
        }
        Ok(Acquired::Wait)
    }

    async fn keep(&self, key: &TokenKey, owner: &RequestId, token: &SealedToken) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let account = state.tokens.entry(key.clone()).or_default();
        if account.lease.is_none_or(|(holder, ends)| holder != *owner || ends <= now) {
            // A repeat of the call that stored it, or too late.
            return Ok(account.token.as_ref().is_some_and(|kept| kept.id == token.id));
        }
        let lifetime = ms(token.remaining);
        account.token = Some(Token {
            id: token.id.clone(),
            sealed: token.sealed.clone(),
            lifetime,
            expires: now + lifetime,
        });
        account.lease = None;
        account.block = None;
        Ok(true)
    }

    async fn discard(&self, key: &TokenKey, id: &str) -> Result<(), StoreError> {
        let (mut state, _) = self.step();
        if let Some(account) = state.tokens.get_mut(key) {
            account.token.take_if(|token| token.id == id);
        }
        Ok(())
    }

    async fn block(
        &self,
        key: &TokenKey,
        owner: &RequestId,
        problem: TokenProblem,
        retry_after: Duration,
    ) -> Result<(), StoreError> {
        let (mut state, now) = self.step();
        let account = state.tokens.entry(key.clone()).or_default();
        account.lease.take_if(|(holder, _)| holder == owner);
        account.block = Some((problem, now + ms(retry_after)));
        Ok(())
    }
}
