//! A send reserved: the limits of its phone, and the live code again or the fresh one.

use std::time::Duration;

use super::{CodeState, Record, name_of};
use crate::store::{
    CodeOrigin, Denial, Granted, LIVE_SESSIONS, NewCode, Reserve, Reserved,
    memory::{State, phones::IDEMPOTENCY_AT_MOST},
    send_times::{Indexed, IndexedKind, LastSend, Progress, Sends, ms},
};

pub(super) fn reserve(state: &mut State, request: &Reserve<'_>, now: u64) -> Reserved {
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
