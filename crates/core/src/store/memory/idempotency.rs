//! Idempotency keys of sends in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    secret::Fingerprint,
    store::{ClaimKey, Claimed, IDEMPOTENCY_KEPT, IdempotencyStore, RequestId, StoreError, send_times::ms},
};

/// An idempotency record.
#[derive(Clone)]
pub(super) struct Record {
    arguments: [u8; 16],
    send: RequestId,
    /// When it was claimed or finished.
    since: u64,
    /// None while it is in flight.
    outcome: Option<Vec<u8>>,
}

#[async_trait]
impl IdempotencyStore for MemoryStore {
    async fn claim_key(&self, claim: &ClaimKey<'_>) -> Result<Claimed, StoreError> {
        let (mut state, now) = self.step();
        let name = claim.name.as_str().to_owned();
        let mut send = claim.send;
        if let Some(record) = state.idempotency.get(&name, now) {
            if record.arguments != claim.arguments {
                return Ok(Claimed::OtherArguments);
            }
            if let Some(outcome) = &record.outcome {
                let ago = Duration::from_millis(now - record.since);
                return Ok(Claimed::Done { outcome: outcome.clone(), ago });
            }
            let ends = record.since + ms(claim.lease);
            if record.send != claim.send && ends > now {
                return Ok(Claimed::InFlight { retry_after: Duration::from_millis(ends - now) });
            }
            send = record.send;
        }
        let record = Record { arguments: claim.arguments, send, since: now, outcome: None };
        state.idempotency.put(name, record, now, ms(IDEMPOTENCY_KEPT));
        Ok(Claimed::Yours { send })
    }

    async fn finish_key(
        &self,
        name: &Fingerprint,
        send: RequestId,
        outcome: &[u8],
    ) -> Result<(), StoreError> {
        let (mut state, now) = self.step();
        let record = state.idempotency.get_mut(&name.as_str().to_owned(), now);
        if let Some(record) = record.filter(|record| record.send == send) {
            record.outcome = Some(outcome.to_owned());
            record.since = now;
        }
        Ok(())
    }

    async fn release_key(&self, name: &Fingerprint, send: RequestId) -> Result<(), StoreError> {
        let (mut state, now) = self.step();
        let name = name.as_str().to_owned();
        let mine = |record: &&Record| record.send == send && record.outcome.is_none();
        if state.idempotency.get(&name, now).filter(mine).is_some() {
            state.idempotency.remove(&name);
        }
        Ok(())
    }
}
