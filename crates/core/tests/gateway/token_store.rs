//! A token store for one process, by the words of the port.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use textproof::store::{Acquired, RequestId, SealedToken, StoreError, TokenKey, TokenProblem, TokenStore};
use tokio::time::Instant;

#[derive(Default)]
pub(crate) struct OneHost(Mutex<State>);

#[derive(Default)]
struct State {
    token: Option<(SealedToken, Instant)>,
    lease: Option<RequestId>,
    blocked: Option<(TokenProblem, Instant)>,
}

#[async_trait]
impl TokenStore for OneHost {
    async fn acquire(
        &self,
        _: &TokenKey,
        owner: &RequestId,
        _: Duration,
        renew_below: Duration,
    ) -> Result<Acquired, StoreError> {
        let (mut state, now) = (self.0.lock().unwrap(), Instant::now());
        if let Some((token, until)) = state.token.clone().filter(|(_, until)| *until > now) {
            let token = SealedToken { remaining: until - now, ..token };
            let renew = token.remaining < renew_below && state.lease.is_none();
            if renew {
                state.lease = Some(*owner);
            }
            return Ok(Acquired::Token { token, renew });
        }
        if let Some((problem, until)) = state.blocked.filter(|(_, until)| *until > now) {
            return Ok(Acquired::Blocked { problem, retry_after: until - now });
        }
        if state.lease.is_some() {
            return Ok(Acquired::Wait);
        }
        state.lease = Some(*owner);
        Ok(Acquired::Renew)
    }

    async fn keep(&self, _: &TokenKey, owner: &RequestId, token: &SealedToken) -> Result<bool, StoreError> {
        let mut state = self.0.lock().unwrap();
        let kept = state.lease == Some(*owner);
        if kept {
            state.token = Some((token.clone(), Instant::now() + token.remaining));
            state.lease = None;
        }
        Ok(kept)
    }

    async fn discard(&self, _: &TokenKey, id: &str) -> Result<(), StoreError> {
        self.0.lock().unwrap().token.take_if(|(token, _)| token.id == id);
        Ok(())
    }

    async fn block(
        &self,
        _: &TokenKey,
        owner: &RequestId,
        problem: TokenProblem,
        retry_after: Duration,
    ) -> Result<(), StoreError> {
        let mut state = self.0.lock().unwrap();
        state.lease.take_if(|lease| lease == owner);
        state.blocked = Some((problem, Instant::now() + retry_after));
        Ok(())
    }
}
