//! Claims of automatic replies in Redis; the layout is in `lua/claim_reply.lua`.

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reply::{Reply, number},
    script::{CLAIM_REPLY, Call, RECORD_REPLY, RELEASE_REPLY},
};
use crate::store::{
    REPLIES_A_DAY, REPLIES_IN_TEN_MINUTES, REPLY_KEPT, ReplyClaim, ReplyEnd, ReplyKey, ReplyStore, RequestId,
    StoreError,
    replies::{DAY, TEN_MINUTES},
};

#[async_trait]
impl ReplyStore for RedisStore {
    async fn claim_reply(&self, reply: &ReplyKey, claim: RequestId) -> Result<ReplyClaim, StoreError> {
        let (key, recent) = (self.keys.reply_claim(reply), self.keys.recent_replies(&reply.pair));
        let keys = [key.as_str(), recent.as_str()];
        let call = CLAIM_REPLY
            .on(&keys)
            .bytes(claim.0)
            .number(ms(REPLY_KEPT))
            .number(REPLIES_IN_TEN_MINUTES)
            .number(ms(TEN_MINUTES))
            .number(REPLIES_A_DAY)
            .number(ms(DAY));
        // A claim that a failover takes back would be a second text.
        let answer = self.run_confirmed(&call).await?;
        claimed(answer).ok_or_else(|| call.unreadable())
    }

    async fn record_reply(
        &self,
        reply: &ReplyKey,
        claim: RequestId,
        end: ReplyEnd,
    ) -> Result<bool, StoreError> {
        let (key, recent) = (self.keys.reply_claim(reply), self.keys.recent_replies(&reply.pair));
        let keys = [key.as_str(), recent.as_str()];
        let state = match end {
            ReplyEnd::Sent => 2,
            ReplyEnd::Unknown => 3,
            ReplyEnd::NotOwed => 4,
        };
        self.was_mine(&RECORD_REPLY.on(&keys).bytes(claim.0).number(state)).await
    }

    async fn release_reply(&self, reply: &ReplyKey, claim: RequestId) -> Result<bool, StoreError> {
        let (key, recent) = (self.keys.reply_claim(reply), self.keys.recent_replies(&reply.pair));
        let keys = [key.as_str(), recent.as_str()];
        self.was_mine(&RELEASE_REPLY.on(&keys).bytes(claim.0)).await
    }
}

impl RedisStore {
    async fn was_mine(&self, call: &Call<'_>) -> Result<bool, StoreError> {
        let answer = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&answer).map(|mine| mine == 1).ok_or_else(|| call.unreadable())
    }
}

fn claimed(answer: Value) -> Option<ReplyClaim> {
    let mut answer = Reply::new(answer)?;
    Some(match answer.number()? {
        1 => ReplyClaim::Yours,
        2 => ReplyClaim::Sent,
        3 => ReplyClaim::Unknown { first: answer.number()? == 1 },
        4 => ReplyClaim::NotOwed,
        5 => ReplyClaim::TooMany,
        _ => return None,
    })
}
