//! One-time codes in memory: the state machine of `store::codes`, written out.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    MemoryStore, State, ms,
    send_times::{OpenSend, Sends},
};
use crate::store::{
    Check, Checked, CodeOrigin, CodeStore, Granted, NewCode, RequestId, Reserve, Reserved, Settle,
    Settlement, StoreError,
};

/// A code's record.
#[derive(Clone)]
pub(super) struct Record {
    state: CodeState,
    guesses_left: u8,
    /// The last check that was counted.
    last_check: Option<RequestId>,
    code: NewCode,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CodeState {
    Live,
    Used,
    /// The gateway makes the code and has not told it yet.
    Awaiting,
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
}

fn reserve(state: &mut State, request: &Reserve<'_>, now: u64) -> Reserved {
    let phone = &request.key.phone;
    let mut sends = state.sends.get(phone, now).cloned().unwrap_or_default();
    let record = state.codes.get(request.key, now);

    // A repeat after a lost reply.
    if let (Some(open), Some(record)) = (sends.open.filter(|open| open.id == request.send), record) {
        let code = record.code.clone();
        return granted(state, request, &code, &sends, open.same, now);
    }
    let wait = sends.wait(request.limits, now);
    if wait.wait_ms > 0 {
        let retry_after = Duration::from_millis(wait.wait_ms);
        return Reserved::Denied { retry_after, cool_down: wait.cool_down };
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

    let memory = ms(request.limits.memory());
    sends.before = sends.steps_at(request.limits, now);
    sends.steps = sends.before.saturating_add(1);
    sends.open = Some(OpenSend { id: request.send, same });
    sends.times.retain(|time| time + memory > now);
    sends.times.push(now);
    // No window looks further back than its number of sends.
    let most = request.limits.windows().iter().map(|window| usize::from(window.sends)).max();
    sends.times.drain(..sends.times.len().saturating_sub(most.unwrap_or_default()));
    state.sends.put(phone.clone(), sends.clone(), now, memory);
    granted(state, request, &code, &sends, same, now)
}

fn can_be_sent_again(record: &Record, request: &Reserve<'_>, life_left: u64) -> bool {
    let recognised = request.macs.0.iter().any(|(tag, mac)| match record.code.origin {
        CodeOrigin::Derived => *tag == record.code.pepper,
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
    now: u64,
) -> Reserved {
    let wait = sends.wait(request.limits, now);
    Reserved::Granted(Granted {
        same: same.then_some((code.pepper, code.nonce)),
        expires_in: Duration::from_millis(state.codes.left(request.key, now)),
        next_send_in: Duration::from_millis(wait.wait_ms),
        sends_left: wait.sends_left,
    })
}

fn settle(state: &mut State, request: &Settle<'_>, now: u64) -> bool {
    let phone = &request.key.phone;
    let Some(sends) = state.sends.get_mut(phone, now) else {
        return false;
    };
    let Some(open) = sends.open.filter(|open| open.id == request.send) else {
        return false;
    };
    sends.open = None;
    let record = state.codes.get_mut(request.key, now);
    // A failing gateway must not buy guesses: once somebody has guessed, the send stays counted.
    let guessed = !open.same && record.as_ref().is_some_and(|record| record.last_check.is_some());
    match &request.settlement {
        Settlement::Sent { gateway, message_id, .. } => sends.message = format!("{gateway}:{message_id}"),
        Settlement::NotSent if !guessed => {
            sends.times.pop();
            sends.steps = sends.steps.min(sends.before);
        }
        Settlement::NotSent | Settlement::Unknown => {}
    }
    if sends.times.is_empty() {
        state.sends.remove(phone);
    }
    if record.is_some_and(|record| withdrawn(record, &request.settlement, open.same)) {
        state.codes.remove(request.key);
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
    let Some(record) = state.codes.get_mut(request.key, now) else {
        return Checked::Absent;
    };
    if request.handle.is_some_and(|handle| handle != record.code.handle) {
        return Checked::Absent;
    }
    let mac = request.macs.0.iter().find(|(tag, _)| *tag == record.code.pepper).map(|(_, mac)| *mac);
    let Some(mac) = mac.filter(|_| record.state != CodeState::Awaiting) else {
        return Checked::Absent;
    };

    let repeated = record.last_check == Some(request.request);
    if record.state == CodeState::Used {
        return match (repeated, mac == record.code.mac) {
            (true, true) => Checked::Right,
            (false, true) => Checked::AlreadyUsed,
            (_, false) => Checked::Absent,
        };
    }
    if repeated {
        return Checked::Wrong { left: record.guesses_left };
    }
    if record.guesses_left == 0 {
        let sends = state.sends.get(&request.key.phone, now).cloned().unwrap_or_default();
        let wait_ms = sends.wait(request.limits, now).wait_ms;
        return Checked::Exhausted { retry_after: Duration::from_millis(wait_ms) };
    }
    // Counted before it is compared.
    record.guesses_left -= 1;
    record.last_check = Some(request.request);
    if mac != record.code.mac {
        return Checked::Wrong { left: record.guesses_left };
    }
    record.state = CodeState::Used;
    state.codes.prolong(request.key, now, ms(request.remember_used));
    if let Some(sends) = state.sends.get_mut(&request.key.phone, now) {
        sends.steps = sends.steps.min(1);
    }
    Checked::Right
}
