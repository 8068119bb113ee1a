//! Claims of automatic replies in memory. The same rules as `lua/claim_reply.lua`.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::{
    secret::Fingerprint,
    store::{
        REPLIES_A_DAY, REPLIES_IN_TEN_MINUTES, REPLY_KEPT, ReplyClaim, ReplyEnd, ReplyKey, ReplyStore,
        RequestId, StoreError,
        replies::{DAY, TEN_MINUTES},
        send_times::ms,
    },
};

/// Pair, event and rule.
pub(super) type Name = (Fingerprint, String, String);

/// What has become of a reply.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    claim: RequestId,
    /// When it was claimed.
    at: u64,
    /// None while nobody has said how it ended.
    end: Option<ReplyEnd>,
}

#[async_trait]
impl ReplyStore for MemoryStore {
    async fn claim_reply(&self, reply: &ReplyKey, claim: RequestId) -> Result<ReplyClaim, StoreError> {
        let (mut state, now) = self.step();
        let name = name(reply);
        if let Some(known) = state.replies.get_mut(&name, now) {
            if known.end.is_none() && known.claim == claim {
                return Ok(ReplyClaim::Yours);
            }
            match known.end {
                Some(ReplyEnd::Sent) => return Ok(ReplyClaim::Sent),
                Some(ReplyEnd::NotOwed) => return Ok(ReplyClaim::NotOwed),
                _ => {}
            }
            return Ok(ReplyClaim::Unknown { first: known.end.replace(ReplyEnd::Unknown).is_none() });
        }
        let mut times = state.recent_replies.get(&reply.pair, now).cloned().unwrap_or_default();
        times.retain(|at| at + ms(DAY) > now);
        let full = |count: u64, period: Duration| {
            times.iter().rev().nth(count as usize - 1).is_some_and(|first| first + ms(period) > now)
        };
        if full(REPLIES_IN_TEN_MINUTES, TEN_MINUTES) || full(REPLIES_A_DAY, DAY) {
            let not_owed = Claim { claim, at: now, end: Some(ReplyEnd::NotOwed) };
            state.replies.put(name, not_owed, now, ms(REPLY_KEPT));
            return Ok(ReplyClaim::TooMany);
        }
        times.push(now);
        state.recent_replies.put(reply.pair.clone(), times, now, ms(DAY));
        state.replies.put(name, Claim { claim, at: now, end: None }, now, ms(REPLY_KEPT));
        Ok(ReplyClaim::Yours)
    }

    async fn record_reply(
        &self,
        reply: &ReplyKey,
        claim: RequestId,
        end: ReplyEnd,
    ) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let Some(known) = state.replies.get_mut(&name(reply), now).filter(|known| known.claim == claim)
        else {
            return Ok(false);
        };
        let (before, at) = (known.end, known.at);
        if before != Some(ReplyEnd::Sent) {
            known.end = Some(end);
            if end == ReplyEnd::NotOwed && before != Some(ReplyEnd::NotOwed) {
                state.uncount_reply(reply, at, now);
            }
        }
        Ok(true)
    }

    async fn release_reply(&self, reply: &ReplyKey, claim: RequestId) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let name = name(reply);
        let ended = |end| matches!(end, Some(ReplyEnd::Sent | ReplyEnd::NotOwed));
        let mine = |known: &&Claim| known.claim == claim && !ended(known.end);
        let Some(Claim { at, .. }) = state.replies.get(&name, now).filter(mine).copied() else {
            return Ok(false);
        };
        state.replies.remove(&name);
        state.uncount_reply(reply, at, now);
        Ok(true)
    }
}

impl State {
    /// No longer counts a reply that was not sent.
    fn uncount_reply(&mut self, reply: &ReplyKey, counted: u64, now: u64) {
        if let Some(times) = self.recent_replies.get_mut(&reply.pair, now)
            && let Some(counted) = times.iter().position(|time| *time == counted)
        {
            times.remove(counted);
        }
    }
}

fn name(reply: &ReplyKey) -> Name {
    (reply.pair.clone(), reply.event.to_string(), reply.rule.clone())
}
