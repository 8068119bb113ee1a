//! Consent registers in Redis.

use async_trait::async_trait;

use super::{RedisStore, reply::number, script::CONSENT};
use crate::{
    event::EventId,
    store::{Consent, ConsentChange, ConsentRegister, ConsentStore, StoreError},
};

#[async_trait]
impl ConsentStore for RedisStore {
    async fn record_consent(
        &self,
        register: &ConsentRegister,
        change: &ConsentChange,
    ) -> Result<bool, StoreError> {
        let key = self.keys.consent(register);
        let keys = [key.as_str()];
        let state = match change.consent {
            Consent::In => "in",
            Consent::Out => "out",
        };
        let call = CONSENT
            .on(&keys)
            .bytes(state)
            .number(change.at_ms)
            .bytes(change.event.as_str())
            .bytes(change.rule.as_str());
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        number(&reply).map(|changed| changed == 1).ok_or_else(|| call.unreadable())
    }

    async fn consent(&self, register: &ConsentRegister) -> Result<Option<ConsentChange>, StoreError> {
        const ACTION: &str = "read consent";
        type Fields = (Option<String>, Option<u64>, Option<String>, Option<String>);
        let fields: Fields = redis::cmd("HMGET")
            .arg(self.keys.consent(register))
            .arg(&["state", "at", "event", "rule"])
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
        let (Some(state), Some(at_ms), Some(event), Some(rule)) = fields else {
            return Ok(None);
        };
        let unreadable = || StoreError::Unreadable { action: ACTION };
        let consent = match state.as_str() {
            "in" => Consent::In,
            "out" => Consent::Out,
            _ => return Err(unreadable()),
        };
        let event = EventId::try_from(event).map_err(|_| unreadable())?;
        Ok(Some(ConsentChange { consent, at_ms, event, rule }))
    }
}
