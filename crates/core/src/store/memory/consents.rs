//! Consent registers in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::store::{Consent, ConsentChange, ConsentRegister, ConsentStore, StoreError};

#[async_trait]
impl ConsentStore for MemoryStore {
    async fn record_consent(
        &self,
        register: &ConsentRegister,
        change: &ConsentChange,
    ) -> Result<bool, StoreError> {
        let (mut state, _) = self.step();
        let stands = state.consents.get(register).is_some_and(|known| {
            known.at_ms > change.at_ms
                || known.at_ms == change.at_ms
                    && (known.consent == Consent::Out || known.consent == change.consent)
        });
        if !stands {
            state.consents.insert(register.clone(), change.clone());
        }
        Ok(!stands)
    }

    async fn consent(&self, register: &ConsentRegister) -> Result<Option<ConsentChange>, StoreError> {
        let (state, _) = self.step();
        Ok(state.consents.get(register).cloned())
    }
}
