//! One-time codes in memory: the state machine of `store::codes`, written out.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    MemoryStore, State,
    phones::{IDEMPOTENCY_AT_MOST, MESSAGES_AT_MOST, MESSAGES_KEPT},
};
use crate::{
    secret::Fingerprint,
    store::{
        Check, Checked, CodeKey, CodeOrigin, CodeStore, Denial, Granted, LIVE_SESSIONS, NewCode, Redeem,
        RequestId, Reserve, Reserved, SendState, Settle, Settlement, StoreError,
        send_times::{Indexed, IndexedKind, LastSend, Progress, Sends, ms},
    },
};

/// A code's record.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) state: CodeState,
    pub(super) guesses_left: u8,
    /// The last check that was counted.
    last_check: Option<RequestId>,
    code: NewCode,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeState {
    Live,
    Used,
    /// The gateway makes the code and has not told it yet.
    Awaiting,
}

/// The receipt of a right code.
#[derive(Clone)]
pub(super) struct Receipt {
    id: RequestId,
    ends: u64,
    redeemer: Option<RequestId>,
}

#[async_trait]
impl CodeStore for MemoryStore {
    async fn reserve(&self, request: &Reserve<'_>) -> Result<Reserved, StoreError> {
        let (mut state, now) = self.step();
        Ok(reserve(&mut state, request, now))
    }

    async fn settle_send(&self, request: &Settle<'_>) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        Ok(settle(&mut state, request, now))
    }

    async fn check(&self, request: &Check<'_>) -> Result<Checked, StoreError> {
        let (mut state, now) = self.step();
        Ok(check(&mut state, request, now))
    }

    async fn redeem(&self, request: &Redeem<'_>) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let receipts = state.receipts.get_mut(request.phone, now).map(Vec::as_mut_slice).unwrap_or_default();
        let receipt = receipts.iter_mut().find(|receipt| receipt.id == request.receipt && receipt.ends > now);
        Ok(receipt.is_some_and(|receipt| *receipt.redeemer.get_or_insert(request.request) == request.request))
    }

    async fn send_state(
        &self,
        phone: &Fingerprint,
        handle: [u8; 6],
    ) -> Result<Option<SendState>, StoreError> {
        let (state, now) = self.step();
        let last = state.sends.get(phone, now).and_then(|sends| sends.last);
        Ok(last.filter(|last| last.handle == handle).map(|last| match last.progress {
            Progress::Open { .. } => SendState::Open,
            Progress::Sent => SendState::Sent,
            Progress::NotSent => SendState::NotSent,
            Progress::Unknown => SendState::Unknown,
        }))
    }
}

/// What follows `:c:` in the key of a code: how the phone's index names it.
fn name_of(key: &CodeKey) -> String {
    match &key.session {
        None => key.purpose.as_str().to_owned(),
        Some(session) => format!("{}:{}", key.purpose.as_str(), session.as_str()),
    }
}

fn reserve(state: &mut State, request: &Reserve<'_>, now: u64) -> Reserved {
    let phone = &request.key.phone;
    let mut sends = state.sends.get(phone, now).cloned().unwrap_or_default();
    let record = state.codes.get(request.key, now);

    // A repeat after a lost reply or a dead process.
    if let (Some(last), Some(record)) = (sends.last.filter(|last| last.id == request.send), record)
        && last.progress != Progress::NotSent
    {
        let same = last.progress == Progress::Open { same: true };
        return granted(state, request, &record.code.clone(), &sends, same, true, now);
    }
    // Another send followed it.
    let idempotency = request.idempotency_entry();
    let followed = sends.last.is_some_and(|last| last.id != request.send)
        && idempotency.as_ref().is_some_and(|(name, _)| sends.index.iter().any(|entry| entry.name == *name));
    if let (true, Some(record)) = (followed, record) {
        return granted(state, request, &record.code.clone(), &sends, false, true, now);
    }
    let failures = state.failures.get(phone).and_then(|purposes| purposes.get(request.key.purpose.as_str()));
    if failures.is_some_and(|failures| failures.in_a_row >= request.failures.ceiling()) {
        return Reserved::Denied { by: Denial::Locked, retry_after: None };
    }
    let wait = sends.wait(request.limits, now);
    if wait.wait_ms > 0 {
        let by = if wait.cool_down { Denial::CoolDown } else { Denial::Window };
        return Reserved::Denied { by, retry_after: Some(Duration::from_millis(wait.wait_ms)) };
    }
    let name = name_of(request.key);
    sends.index.retain(|entry| entry.ends > now && entry.name != name);
    let purpose = request.key.purpose.as_str();
    let others = sends.index.iter().filter(|entry| entry.is_live_code_of(purpose));
    if others.clone().count() >= LIVE_SESSIONS {
        let first = others.map(|entry| entry.ends - now).min().unwrap_or_default();
        return Reserved::Denied { by: Denial::Sessions, retry_after: Some(Duration::from_millis(first)) };
    }

    let life_left = state.codes.left(request.key, now);
    let same = record.is_some_and(|record| can_be_sent_again(record, request, life_left));
    let code = match record {
        Some(record) if same => record.code.clone(),
        _ => {
            let made_by_gateway = request.fresh.origin == CodeOrigin::Gateway;
            let record = Record {
                state: if made_by_gateway { CodeState::Awaiting } else { CodeState::Live },
                guesses_left: request.guesses,
                last_check: None,
                code: request.fresh.clone(),
            };
            state.codes.put(request.key.clone(), record, now, ms(request.lifetime));
            request.fresh.clone()
        }
    };
    let ends = now + state.codes.left(request.key, now);
    sends.index.push(Indexed { kind: IndexedKind::LiveCode, ends, name });
    if let Some((name, kept)) = idempotency {
        let is_key = |entry: &Indexed| entry.kind == IndexedKind::Idempotency;
        let keys = sends.index.iter().filter(|entry| is_key(entry)).count();
        let mut surplus = (keys + 1).saturating_sub(IDEMPOTENCY_AT_MOST);
        sends.index.retain(|entry| {
            let dropped = surplus > 0 && is_key(entry);
            surplus -= usize::from(dropped);
            !dropped
        });
        sends.index.push(Indexed { kind: IndexedKind::Idempotency, ends: now + ms(kept), name });
    }

    let memory = ms(request.remembered());
    sends.before = sends.steps_at(request.limits, now);
    sends.steps = sends.before.saturating_add(1);
    sends.last = Some(LastSend { id: request.send, handle: code.handle, progress: Progress::Open { same } });
    sends.times.retain(|time| time + memory > now);
    sends.times.push(now);
    // No window looks further back than its number of sends.
    let most = request.limits.windows().iter().map(|window| usize::from(window.sends)).max();
    sends.times.drain(..sends.times.len().saturating_sub(most.unwrap_or_default()));
    state.sends.put(phone.clone(), sends.clone(), now, memory);
    granted(state, request, &code, &sends, same, false, now)
}

fn can_be_sent_again(record: &Record, request: &Reserve<'_>, life_left: u64) -> bool {
    let recognised = request.macs.0.iter().any(|(tag, mac)| match record.code.origin {
        CodeOrigin::Derived | CodeOrigin::Suppressed => *tag == record.code.pepper,
        CodeOrigin::Given => *tag == record.code.pepper && *mac == record.code.mac,
        CodeOrigin::Gateway => false,
    });
    record.state == CodeState::Live
        && record.code.origin == request.fresh.origin
        && record.code.digits == request.fresh.digits
        && record.guesses_left > 0
        && life_left >= ms(request.resend_min_left)
        && recognised
}

fn granted(
    state: &State,
    request: &Reserve<'_>,
    code: &NewCode,
    sends: &Sends,
    same: bool,
    repeated: bool,
    now: u64,
) -> Reserved {
    let wait = sends.wait(request.limits, now);
    Reserved::Granted(Granted {
        same: same.then_some((code.pepper, code.nonce)),
        in_force: (code.pepper, code.nonce),
        expires_in: Duration::from_millis(state.codes.left(request.key, now)),
        next_send_in: Duration::from_millis(wait.wait_ms),
        sends_left: wait.sends_left,
        repeated,
    })
}

fn settle(state: &mut State, request: &Settle<'_>, now: u64) -> bool {
    let phone = &request.key.phone;
    let Some(sends) = state.sends.get_mut(phone, now) else {
        return false;
    };
    let Some(last) = sends.last.as_mut().filter(|last| last.id == request.send) else {
        return false;
    };
    let progress = match request.settlement {
        Settlement::Sent { .. } => Progress::Sent,
        Settlement::NotSent => Progress::NotSent,
        Settlement::Unknown => Progress::Unknown,
    };
    let Progress::Open { same } = last.progress else {
        return last.progress == progress;
    };
    last.progress = progress;
    let record = state.codes.get_mut(request.key, now);
    // A failing gateway must not buy guesses: once somebody has guessed, the send stays counted. Of a code that has
    // ended nobody knows whether anybody did.
    let guessed = !same && record.as_ref().is_none_or(|record| record.last_check.is_some());
    if progress == Progress::NotSent && !guessed {
        sends.times.pop();
        sends.steps = sends.steps.min(sends.before);
    }
    if record.is_some_and(|record| withdrawn(record, &request.settlement, same)) {
        state.codes.remove(request.key);
        let name = name_of(request.key);
        sends.index.retain(|entry| entry.ends > now && entry.name != name);
    }
    if let Settlement::Sent { message: Some(message), .. } = request.settlement {
        let mut messages = state.messages.get(phone, now).cloned().unwrap_or_default();
        messages.retain(|(at, _)| at + ms(MESSAGES_KEPT) > now);
        messages.drain(..(messages.len() + 1).saturating_sub(MESSAGES_AT_MOST));
        messages.push((now, message.clone()));
        state.messages.put(phone.clone(), messages, now, ms(MESSAGES_KEPT));
    }
    true
}

/// Applies a settlement to a code and says whether it is withdrawn.
fn withdrawn(record: &mut Record, settlement: &Settlement<'_>, same: bool) -> bool {
    match (record.state, settlement) {
        (CodeState::Live, Settlement::NotSent) => !same && record.guesses_left > 0,
        (CodeState::Awaiting, Settlement::Sent { made: Some(mac), .. }) => {
            record.code.mac = *mac;
            record.state = CodeState::Live;
            false
        }
        // Without the gateway's code nothing can ever be checked against this record.
        (CodeState::Awaiting, _) => true,
        _ => false,
    }
}

fn check(state: &mut State, request: &Check<'_>, now: u64) -> Checked {
    let phone = &request.key.phone;
    let record = state.codes.get_mut(request.key, now);
    let record = record.filter(|record| request.handle.is_none_or(|handle| handle == record.code.handle));
    let mac = record.as_ref().and_then(|record| {
        request.macs.0.iter().find(|(tag, _)| *tag == record.code.pepper).map(|(_, mac)| *mac)
    });
    let is_right = |record: &Record| mac == Some(record.code.mac);

    // A repeat gets the first answer.
    if let Some(record) = record.as_ref().filter(|record| record.last_check == Some(request.request)) {
        return match record.state {
            CodeState::Used if is_right(record) => Checked::Right,
            CodeState::Used => Checked::Absent,
            _ => Checked::Wrong { left: record.guesses_left },
        };
    }
    let purpose = request.key.purpose.as_str();
    let failures = state.failures.get(phone).and_then(|purposes| purposes.get(purpose));
    if let Some(wait) = failures.and_then(|failures| failures.wait(request, now)) {
        return Checked::Throttled { retry_after: wait.ends_in };
    }
    let Some(record) = record.filter(|record| mac.is_some() && record.state != CodeState::Awaiting) else {
        return Checked::Absent;
    };
    if record.state == CodeState::Used {
        return if is_right(record) { Checked::AlreadyUsed } else { Checked::Absent };
    }
    if record.guesses_left == 0 {
        let sends = state.sends.get(phone, now).cloned().unwrap_or_default();
        let wait_ms = sends.wait(request.limits, now).wait_ms;
        return Checked::Exhausted { retry_after: Duration::from_millis(wait_ms) };
    }
    // Counted before it is compared.
    record.guesses_left -= 1;
    record.last_check = Some(request.request);
    let failures = state.failures.entry(phone.clone()).or_default();
    failures.entry(purpose.to_owned()).or_default().count(request, now);
    if !is_right(record) {
        return Checked::Wrong { left: record.guesses_left };
    }
    record.state = CodeState::Used;
    failures.remove(purpose);
    if failures.is_empty() {
        state.failures.remove(phone);
    }
    let remembered = ms(request.remember_used);
    state.codes.prolong(request.key, now, remembered);
    if let Some(sends) = state.sends.get_mut(phone, now) {
        sends.steps = sends.steps.min(1);
        let name = name_of(request.key);
        sends.index.retain(|entry| entry.ends > now && entry.name != name);
        sends.index.push(Indexed { kind: IndexedKind::UsedCode, ends: now + remembered, name });
    }
    let mut receipts = state.receipts.get(phone, now).cloned().unwrap_or_default();
    receipts.retain(|receipt| receipt.ends > now);
    receipts.drain(..(receipts.len() + 1).saturating_sub(RECEIPTS_AT_MOST));
    let ends = now + ms(request.receipt_lifetime);
    receipts.push(Receipt { id: request.request, ends, redeemer: None });
    state.receipts.put(phone.clone(), receipts, now, ms(request.receipt_lifetime));
    Checked::Right
}

/// Receipts of a phone that can be redeemed at once.
const RECEIPTS_AT_MOST: usize = 16;
