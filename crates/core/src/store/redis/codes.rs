//! One-time codes in Redis. The record's layout is in `lua/reserve.lua`, the sends' in `lua/send_times.lua`.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisStore, ms, packed,
    reply::{Reply, number},
    script::{CHECK, REDEEM, RESERVE, SETTLE_SEND},
};
use crate::{
    policy::{FailureLimits, SendLimits},
    secret::{Fingerprint, PepperTag},
    store::{
        Check, Checked, CodeMacs, CodeOrigin, CodeStore, Denial, Granted, LIVE_SESSIONS, NewCode, Redeem,
        Reserve, Reserved, SendState, Settle, Settlement, StoreError,
        phones::{IDEMPOTENCY_AT_MOST, MESSAGES_AT_MOST, MESSAGES_KEPT},
        send_times::Progress,
    },
};

#[async_trait]
impl CodeStore for RedisStore {
    async fn reserve(&self, request: &Reserve<'_>) -> Result<Reserved, StoreError> {
        let phone = &request.key.phone;
        let keys = [self.keys.code(request.key), self.keys.sends(phone), self.keys.failures(phone)];
        let keys = keys.each_ref().map(String::as_str);
        let (idempotency, kept) = request.idempotency_entry().unwrap_or_default();
        let call = RESERVE
            .on(&keys)
            .bytes(request.send.0)
            .packed(|packed| push_limits(packed, request.limits))
            .number(ms(request.lifetime))
            .number(u64::from(request.guesses))
            .packed(|packed| push_code(packed, &request.fresh))
            .number(ms(request.resend_min_left))
            .packed(|packed| push_macs(packed, &request.macs))
            .number(ms(request.remembered()))
            .bytes(idempotency)
            .number(ms(kept))
            .number(u64::from(request.failures.ceiling()))
            .number(LIVE_SESSIONS as u64)
            .number(IDEMPOTENCY_AT_MOST as u64);
        let reply = self.run_confirmed(&call).await?;
        reserved(reply).ok_or_else(|| call.unreadable())
    }

    async fn settle_send(&self, request: &Settle<'_>) -> Result<bool, StoreError> {
        let phone = &request.key.phone;
        let keys = [self.keys.code(request.key), self.keys.sends(phone), self.keys.messages(phone)];
        let keys = keys.each_ref().map(String::as_str);
        let (outcome, message, made) = match &request.settlement {
            Settlement::Sent { message, made } => {
                (3, message.map(packed::message).unwrap_or_default(), *made)
            }
            Settlement::NotSent => (4, String::new(), None),
            Settlement::Unknown => (5, String::new(), None),
        };
        let call = SETTLE_SEND
            .on(&keys)
            .bytes(request.send.0)
            .number(outcome)
            .bytes(message)
            .bytes(made.as_ref().map_or(&[][..], |mac| mac))
            .number(ms(MESSAGES_KEPT))
            .number(MESSAGES_AT_MOST as u64);
        let reply = self.run_confirmed(&call).await?;
        number(&reply).map(|settled| settled == 1).ok_or_else(|| call.unreadable())
    }

    async fn check(&self, request: &Check<'_>) -> Result<Checked, StoreError> {
        let phone = &request.key.phone;
        let keys = [
            self.keys.code(request.key),
            self.keys.sends(phone),
            self.keys.failures(phone),
            self.keys.receipts(phone),
        ];
        let keys = keys.each_ref().map(String::as_str);
        let call = CHECK
            .on(&keys)
            .bytes(request.request.0)
            .bytes(request.handle.as_ref().map_or(&[][..], |handle| handle))
            .packed(|packed| push_macs(packed, &request.macs))
            .packed(|packed| push_limits(packed, request.limits))
            .packed(|packed| push_failures(packed, request.failures))
            .packed(|packed| packed.extend_from_slice(&request.key.session_tag()))
            .number(ms(request.remember_used))
            .number(ms(request.receipt_lifetime));
        let reply = self.run_confirmed(&call).await?;
        checked(reply).ok_or_else(|| call.unreadable())
    }

    async fn redeem(&self, request: &Redeem<'_>) -> Result<bool, StoreError> {
        let receipts = self.keys.receipts(request.phone);
        let keys = [receipts.as_str()];
        let call = REDEEM.on(&keys).bytes(request.receipt.0).bytes(request.request.0);
        let reply = self.run_confirmed(&call).await?;
        number(&reply).map(|redeemed| redeemed == 1).ok_or_else(|| call.unreadable())
    }

    async fn send_state(
        &self,
        phone: &Fingerprint,
        handle: [u8; 6],
    ) -> Result<Option<SendState>, StoreError> {
        let action = "read the last send";
        let sends: Option<Vec<u8>> = redis::cmd("GET")
            .arg(self.keys.sends(phone))
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action, source })?;
        let Some(sends) = sends else { return Ok(None) };
        let sends = packed::sends(&sends).ok_or(StoreError::Unreadable { action })?;
        Ok(sends.last.filter(|last| last.handle == handle).map(|last| match last.progress {
            Progress::Open { .. } => SendState::Open,
            Progress::Sent => SendState::Sent,
            Progress::NotSent => SendState::NotSent,
            Progress::Unknown => SendState::Unknown,
        }))
    }
}

fn reserved(reply: Value) -> Option<Reserved> {
    let mut reply = Reply::new(reply)?;
    if reply.number()? == 0 {
        let by = match reply.number()? {
            1 => Denial::CoolDown,
            2 => Denial::Window,
            3 => Denial::Locked,
            4 => Denial::Sessions,
            _ => return None,
        };
        return Some(Reserved::Denied { by, retry_after: wait(reply.number()?) });
    }
    let same = reply.number()? == 1;
    let in_force = (PepperTag(reply.array()?), reply.array()?);
    Some(Reserved::Granted(Granted {
        same: same.then_some(in_force),
        in_force,
        expires_in: Duration::from_millis(reply.number()?),
        next_send_in: Duration::from_millis(reply.number()?),
        sends_left: u32::try_from(reply.number()?).ok()?,
        repeated: reply.number()? == 1,
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
        6 => Checked::Throttled { retry_after: wait(reply.number()?) },
        _ => return None,
    })
}

/// A wait in milliseconds; 0 stands for one that only an operator ends.
fn wait(ms: u64) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(ms))
}

fn push_code(packed: &mut Vec<u8>, code: &NewCode) {
    let origin = match code.origin {
        CodeOrigin::Derived => 0,
        CodeOrigin::Given => 1,
        CodeOrigin::Gateway => 2,
        CodeOrigin::Suppressed => 3,
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

fn push_failures(packed: &mut Vec<u8>, limits: &FailureLimits) {
    packed.push(limits.ceiling());
    packed.push(limits.free());
    for duration in [limits.first_wait(), limits.longest_wait(), limits.forget_after()] {
        push_ms(packed, duration);
    }
}

/// Six bytes, big endian; a policy's durations are bounded to days.
fn push_ms(packed: &mut Vec<u8>, duration: Duration) {
    packed.extend_from_slice(&ms(duration).to_be_bytes()[2..]);
}

fn short(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}
