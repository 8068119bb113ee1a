//! Claims of automatic replies in memory. The same rules as `lua/claim_reply.lua`.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
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
            if known.end == Some(ReplyEnd::Sent) {
                return Ok(ReplyClaim::Sent);
            }
            return Ok(ReplyClaim::Unknown { first: known.end.replace(ReplyEnd::Unknown).is_none() });
        }
        let mut times = state.recent_replies.get(&reply.pair, now).cloned().unwrap_or_default();
        times.retain(|at| at + ms(DAY) > now);
        let wait = |count: u64, period: Duration| {
            let first = times.iter().rev().nth(count as usize - 1);
            first.map_or(0, |first| (first + ms(period)).saturating_sub(now))
        };
        let pause = wait(REPLIES_IN_TEN_MINUTES, TEN_MINUTES).max(wait(REPLIES_A_DAY, DAY));
        if pause > 0 {
            return Ok(ReplyClaim::TooMany { retry_after: Duration::from_millis(pause) });
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
        if known.end != Some(ReplyEnd::Sent) {
            known.end = Some(end);
        }
        Ok(true)
    }

    async fn release_reply(&self, reply: &ReplyKey, claim: RequestId) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let name = name(reply);
        let mine = |known: &&Claim| known.claim == claim && known.end != Some(ReplyEnd::Sent);
        let Some(Claim { at, .. }) = state.replies.get(&name, now).filter(mine).copied() else {
            return Ok(false);
        };
        state.replies.remove(&name);
        if let Some(times) = state.recent_replies.get_mut(&reply.pair, now)
            && let Some(counted) = times.iter().position(|time| *time == at)
        {
            times.remove(counted);
        }
        Ok(true)
    }
}

fn name(reply: &ReplyKey) -> Name {
    (reply.pair.clone(), reply.event.to_string(), reply.rule.clone())
}
