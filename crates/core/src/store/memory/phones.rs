//! What an operator asks of one phone, in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, codes};
pub(super) use crate::store::phones::{IDEMPOTENCY_AT_MOST, MESSAGES_AT_MOST, MESSAGES_KEPT};
use crate::{
    policy::{FailureLimits, SendLimits},
    purpose::Purpose,
    secret::Fingerprint,
    store::{
        CodeState, ERASURE_KEPT, Erased, FailureState, PhoneState, PhoneStore, StoreError,
        send_times::{Indexed, ms},
    },
};

#[async_trait]
impl PhoneStore for MemoryStore {
    async fn inspect(
        &self,
        phone: &Fingerprint,
        limits: &SendLimits,
        failures: &FailureLimits,
    ) -> Result<PhoneState, StoreError> {
        let (state, now) = self.step();
        let sends = state.sends.get(phone, now).cloned().unwrap_or_default();
        let wait = sends.wait(limits, now);
        let looked_at = sends.times.iter().filter(|time| *time + ms(limits.memory()) > now).count();
        let codes = state.codes.iter(now).filter(|(key, ..)| key.phone == *phone);
        let mut codes: Vec<_> = codes
            .map(|(key, record, ends)| CodeState {
                purpose: key.purpose.as_str().to_owned(),
                in_session: key.session.is_some(),
                used: record.state == codes::CodeState::Used,
                guesses_left: record.guesses_left,
                expires_in: Duration::from_millis(ends - now),
            })
            .collect();
        codes.sort_by_key(|code| code.expires_in);
        let purposes = state.failures.get(phone).into_iter().flatten();
        Ok(PhoneState {
            sends: u32::try_from(looked_at).unwrap_or(u32::MAX),
            next_send_in: Duration::from_millis(wait.wait_ms),
            sends_left: wait.sends_left,
            codes,
            failures: purposes
                .map(|(purpose, failed)| FailureState {
                    purpose: purpose.clone(),
                    in_a_row: failed.in_a_row,
                    locked: failed.in_a_row >= failures.ceiling(),
                    longest_wait: Duration::from_millis(failed.longest_wait(failures, now)),
                })
                .collect(),
            last_message: state
                .messages
                .get(phone, now)
                .and_then(|messages| messages.last())
                .map(|(_, message)| message.clone()),
            erased_at_ms: state.erasures.get(phone, now).copied(),
        })
    }

    async fn unlock(&self, phone: &Fingerprint, purpose: Option<&Purpose>) -> Result<bool, StoreError> {
        let (mut state, _) = self.step();
        let Some(failures) = state.failures.get_mut(phone) else { return Ok(false) };
        let had = failures.len();
        failures.retain(|failed, _| purpose.is_some_and(|purpose| purpose.as_str() != failed));
        let unlocked = failures.len() < had;
        if failures.is_empty() {
            state.failures.remove(phone);
        }
        Ok(unlocked)
    }

    async fn erase(&self, phone: &Fingerprint) -> Result<Erased, StoreError> {
        let (mut state, now) = self.step();
        let state = &mut *state;
        let mut keys = 0;
        if let Some(sends) = state.sends.take(phone, now) {
            keys += 1;
            for name in sends.index.iter().filter_map(Indexed::idempotency) {
                keys += u64::from(state.idempotency.take(&name.to_owned(), now).is_some());
            }
        }
        if let Some(messages) = state.messages.take(phone, now) {
            keys += 1;
            for (_, message) in &messages {
                keys += u64::from(state.deliveries.take(message, now).is_some());
            }
        }
        let codes: Vec<_> = state
            .codes
            .iter(now)
            .filter(|(key, ..)| key.phone == *phone)
            .map(|(key, ..)| key.clone())
            .collect();
        for key in codes {
            keys += u64::from(state.codes.take(&key, now).is_some());
        }
        keys += u64::from(state.receipts.take(phone, now).is_some());
        keys += u64::from(state.failures.remove(phone).is_some_and(|purposes| !purposes.is_empty()));
        state.erasures.put(phone.clone(), now, now, ms(ERASURE_KEPT));
        Ok(Erased { keys, statements: 0 })
    }

    async fn erased_at_ms(&self, phone: &Fingerprint) -> Result<Option<u64>, StoreError> {
        let (state, now) = self.step();
        Ok(state.erasures.get(phone, now).copied())
    }
}
