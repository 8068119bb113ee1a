//! One-time codes in memory: the state machine of `store::codes`, written out.

mod checking;
mod reserving;

use async_trait::async_trait;

use self::{checking::check, reserving::reserve};
use super::{
    MemoryStore, State,
    phones::{MESSAGES_AT_MOST, MESSAGES_KEPT},
};
use crate::{
    secret::Fingerprint,
    store::{
        Check, Checked, CodeKey, CodeStore, NewCode, Redeem, RequestId, Reserve, Reserved, SendState, Settle,
        Settlement, StoreError,
        send_times::{Progress, ms},
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
