//! A guess: counted before it is compared, and a right one consumes the code.

use std::time::Duration;

use super::{CodeState, Receipt, Record, name_of};
use crate::store::{
    Check, Checked,
    memory::State,
    send_times::{Indexed, IndexedKind, ms},
};

/// Receipts of a phone that can be redeemed at once.
const RECEIPTS_AT_MOST: usize = 16;

pub(super) fn check(state: &mut State, request: &Check<'_>, now: u64) -> Checked {
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
