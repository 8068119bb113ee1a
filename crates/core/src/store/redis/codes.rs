//! One-time codes in Redis. The record's layout is in `lua/reserve.lua`, the sends' in `lua/send_times.lua`.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms,
    reply::{Reply, number},
    script::{CHECK, RESERVE, SETTLE_SEND},
};
use crate::{
    policy::SendLimits,
    secret::PepperTag,
    store::{
        Check, Checked, CodeMacs, CodeOrigin, CodeStore, Granted, NewCode, Reserve, Reserved, Settle,
        Settlement, StoreError,
    },
};

#[async_trait]
impl CodeStore for RedisStore {
    async fn reserve(&self, request: &Reserve<'_>) -> Result<Reserved, StoreError> {
        let keys = [self.keys.code(request.key), self.keys.sends(request.key)];
        let keys = [keys[0].as_str(), keys[1].as_str()];
        let call = RESERVE
            .on(&keys)
            .bytes(request.send.0)
            .packed(|packed| push_limits(packed, request.limits))
            .number(ms(request.lifetime))
            .number(u64::from(request.guesses))
            .packed(|packed| push_code(packed, &request.fresh))
            .number(ms(request.resend_min_left))
            .packed(|packed| push_macs(packed, &request.macs))
            .number(ms(request.limits.memory()));
        let reply = self.run_confirmed(&call).await?;
        reserved(reply).ok_or_else(|| call.unreadable())
    }

    async fn settle_send(&self, request: &Settle<'_>) -> Result<bool, StoreError> {
        let keys = [self.keys.code(request.key), self.keys.sends(request.key)];
        let keys = [keys[0].as_str(), keys[1].as_str()];
        let (outcome, message, made) = match &request.settlement {
            Settlement::Sent { gateway, message_id, made } => (1, format!("{gateway}:{message_id}"), *made),
            Settlement::NotSent => (2, String::new(), None),
            Settlement::Unknown => (3, String::new(), None),
        };
        let call = SETTLE_SEND
            .on(&keys)
            .bytes(request.send.0)
            .number(outcome)
            .bytes(message)
            .bytes(made.as_ref().map_or(&[][..], |mac| mac));
        let reply = self.run_confirmed(&call).await?;
        number(&reply).map(|settled| settled == 1).ok_or_else(|| call.unreadable())
    }

    async fn check(&self, request: &Check<'_>) -> Result<Checked, StoreError> {
        let keys = [self.keys.code(request.key), self.keys.sends(request.key)];
        let keys = [keys[0].as_str(), keys[1].as_str()];
        let call = CHECK
            .on(&keys)
            .bytes(request.request.0)
            .bytes(request.handle.as_ref().map_or(&[][..], |handle| handle))
            .packed(|packed| push_macs(packed, &request.macs))
            .packed(|packed| push_limits(packed, request.limits))
            .number(ms(request.remember_used));
        let reply = self.run_confirmed(&call).await?;
        checked(reply).ok_or_else(|| call.unreadable())
    }
}

fn reserved(reply: Value) -> Option<Reserved> {
    let mut reply = Reply::new(reply)?;
    if reply.number()? == 0 {
        let retry_after = Duration::from_millis(reply.number()?);
        return Some(Reserved::Denied { retry_after, cool_down: reply.number()? == 1 });
    }
    let same = reply.number()? == 1;
    let live = (PepperTag(reply.array()?), reply.array()?);
    Some(Reserved::Granted(Granted {
        same: same.then_some(live),
        expires_in: Duration::from_millis(reply.number()?),
        next_send_in: Duration::from_millis(reply.number()?),
        sends_left: u32::try_from(reply.number()?).ok()?,
    }))
}

fn checked(reply: Value) -> Option<Checked> {
    let mut reply = Reply::new(reply)?;
    Some(match reply.number()? {
        1 => Checked::Right,
        2 => Checked::Wrong { left: u8::try_from(reply.number()?).ok()? },
        3 => Checked::Exhausted { retry_after: Duration::from_millis(reply.number()?) },
        4 => Checked::Absent,
        5 => Checked::AlreadyUsed,
        _ => return None,
    })
}

fn push_code(packed: &mut Vec<u8>, code: &NewCode) {
    let origin = match code.origin {
        CodeOrigin::Derived => 0,
        CodeOrigin::Given => 1,
        CodeOrigin::Gateway => 2,
    };
    packed.push(origin + 4 * code.digits.saturating_sub(4));
    packed.extend_from_slice(&code.pepper.0);
    packed.extend_from_slice(&code.nonce);
    packed.extend_from_slice(&code.handle);
    packed.extend_from_slice(&code.mac);
}

fn push_macs(packed: &mut Vec<u8>, macs: &CodeMacs) {
    for (tag, mac) in &macs.0 {
        packed.extend_from_slice(&tag.0);
        packed.extend_from_slice(mac);
    }
}

fn push_limits(packed: &mut Vec<u8>, limits: &SendLimits) {
    push_ms(packed, limits.forget_after());
    packed.push(short(limits.ladder().len()));
    for wait in limits.ladder() {
        push_ms(packed, *wait);
    }
    packed.push(short(limits.windows().len()));
    for window in limits.windows() {
        packed.push(window.sends);
        push_ms(packed, window.period);
    }
}

/// Six bytes, big endian; a policy's durations are bounded to days.
fn push_ms(packed: &mut Vec<u8>, duration: Duration) {
    packed.extend_from_slice(&ms(duration).to_be_bytes()[2..]);
}

fn short(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}
