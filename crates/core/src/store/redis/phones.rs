//! What an operator asks of one phone, in Redis.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    RedisStore, ms, packed,
    reply::{number, signed},
    script::{ERASE, NOW},
};
use crate::{
    policy::{FailureLimits, SendLimits},
    purpose::Purpose,
    secret::Fingerprint,
    store::{
        CodeState, Erased, FailureState, MessageKey, PhoneState, PhoneStore, StoreError,
        phones::ERASURE_KEPT,
        send_times::{Indexed, IndexedKind, Sends},
    },
};

/// A phone that is sent to while it is erased is erased again; more often than this is no accident.
const ERASE_ATTEMPTS: usize = 10;

#[async_trait]
impl PhoneStore for RedisStore {
    async fn inspect(
        &self,
        phone: &Fingerprint,
        limits: &SendLimits,
        failures: &FailureLimits,
    ) -> Result<PhoneState, StoreError> {
        let action = "inspect a phone";
        let unreadable = StoreError::Unreadable { action };
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("GET")
            .arg(self.keys.sends(phone))
            .cmd("GET")
            .arg(self.keys.messages(phone))
            .cmd("GET")
            .arg(self.keys.erasure(phone))
            .cmd("HGETALL")
            .arg(self.keys.failures(phone));
        let (sends, messages, erased_at_ms, failed): (Bytes, Bytes, Option<u64>, Vec<(String, Vec<u8>)>) =
            self.piped(action, &pipeline).await?;
        let sends = sends.map_or_else(|| Some(Sends::default()), |sends| packed::sends(&sends));
        let sends = sends.ok_or(unreadable)?;
        let messages = messages.and_then(|messages| packed::messages(&messages)).unwrap_or_default();
        let now = self.now_ms(phone).await?;

        let wait = sends.wait(limits, now);
        let looked_at = sends.times.iter().filter(|time| *time + ms(limits.memory()) > now).count();
        Ok(PhoneState {
            sends: u32::try_from(looked_at).unwrap_or(u32::MAX),
            next_send_in: Duration::from_millis(wait.wait_ms),
            sends_left: wait.sends_left,
            codes: self.codes_of(phone, &sends).await?,
            failures: failed
                .iter()
                .filter_map(|(purpose, field)| failure_state(purpose, field, failures, now))
                .collect(),
            last_message: messages.into_iter().next_back(),
            erased_at_ms,
        })
    }

    async fn unlock(&self, phone: &Fingerprint, purpose: Option<&Purpose>) -> Result<bool, StoreError> {
        let key = self.keys.failures(phone);
        let mut command = redis::cmd(if purpose.is_some() { "HDEL" } else { "DEL" });
        command.arg(key).arg(purpose.map(Purpose::as_str));
        let removed: u64 = command
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "unlock", source })?;
        Ok(removed > 0)
    }

    async fn erase(&self, phone: &Fingerprint) -> Result<Erased, StoreError> {
        let action = "erase a phone";
        let mut elsewhere = 0;
        for _ in 0..ERASE_ATTEMPTS {
            let mut pipeline = redis::pipe();
            pipeline.cmd("GET").arg(self.keys.sends(phone)).cmd("GET").arg(self.keys.messages(phone));
            let (sends, messages): (Bytes, Bytes) = self.piped(action, &pipeline).await?;
            let (sends, messages) = (sends.unwrap_or_default(), messages.unwrap_or_default());
            let record = if sends.is_empty() { Some(Sends::default()) } else { packed::sends(&sends) };
            let (Some(Sends { index, .. }), Some(named)) = (record, packed::messages(&messages)) else {
                return Err(StoreError::Unreadable { action });
            };
            // The index goes last: when this ends half way, the next attempt still finds everything.
            elsewhere += self.erase_elsewhere(&index, &named).await?;
            let mut keys = vec![
                self.keys.sends(phone),
                self.keys.messages(phone),
                self.keys.erasure(phone),
                self.keys.failures(phone),
                self.keys.receipts(phone),
            ];
            let codes = index.iter().filter(|entry| entry.kind != IndexedKind::Idempotency);
            keys.extend(codes.map(|code| self.keys.code_named(phone, &code.name)));
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let call = ERASE.on(&keys).bytes(&sends).bytes(&messages).number(ms(ERASURE_KEPT));
            let reply = call.run(&mut self.connections.shared()).await?;
            if let Ok(keys) = u64::try_from(signed(&reply).ok_or_else(|| call.unreadable())?) {
                return Ok(Erased { keys: keys + elsewhere, statements: 0 });
            }
        }
        Err(StoreError::Contended { action })
    }

    async fn erased_at_ms(&self, phone: &Fingerprint) -> Result<Option<u64>, StoreError> {
        redis::cmd("GET")
            .arg(self.keys.erasure(phone))
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "read an erasure mark", source })
    }
}

type Bytes = Option<Vec<u8>>;

impl RedisStore {
    /// Idempotency records and delivery records of a phone have slots of their own.
    async fn erase_elsewhere(&self, index: &[Indexed], messages: &[MessageKey]) -> Result<u64, StoreError> {
        let idempotency = index.iter().filter_map(Indexed::idempotency);
        let keys = idempotency
            .map(|name| self.keys.idempotency(name))
            .chain(messages.iter().map(|message| self.keys.delivery(message)));
        let mut erased = 0;
        for key in keys {
            let gone: u64 = redis::cmd("DEL")
                .arg(key)
                .query_async(&mut self.connections.shared())
                .await
                .map_err(|source| StoreError::Unavailable { action: "erase a phone", source })?;
            erased += gone;
        }
        Ok(erased)
    }

    async fn codes_of(&self, phone: &Fingerprint, sends: &Sends) -> Result<Vec<CodeState>, StoreError> {
        let mut codes = Vec::new();
        for entry in sends.index.iter().filter(|entry| entry.kind != IndexedKind::Idempotency) {
            let key = self.keys.code_named(phone, &entry.name);
            let mut pipeline = redis::pipe();
            pipeline.cmd("GETRANGE").arg(&key).arg(0).arg(1).cmd("PTTL").arg(&key);
            let (head, left): (Vec<u8>, i64) = self.piped("inspect a code", &pipeline).await?;
            let (&[state, guesses_left], Ok(left)) = (head.as_slice(), u64::try_from(left)) else {
                continue;
            };
            let (purpose, session) = entry.name.split_once(':').unzip();
            codes.push(CodeState {
                purpose: purpose.unwrap_or(&entry.name).to_owned(),
                in_session: session.is_some(),
                used: state % 8 == 2,
                guesses_left,
                expires_in: Duration::from_millis(left),
            });
        }
        Ok(codes)
    }

    /// Redis's time, asked of the server that has this phone.
    async fn now_ms(&self, phone: &Fingerprint) -> Result<u64, StoreError> {
        let sends = self.keys.sends(phone);
        let keys = [sends.as_str()];
        let call = NOW.on(&keys);
        let reply = call.run(&mut self.connections.shared()).await?;
        number(&reply).ok_or_else(|| call.unreadable())
    }

    async fn piped<T: redis::FromRedisValue>(
        &self,
        action: &'static str,
        pipeline: &redis::Pipeline,
    ) -> Result<T, StoreError> {
        let mut connection = self.connections.shared();
        pipeline
            .query_async(&mut connection)
            .await
            .map_err(|source| StoreError::Unavailable { action, source })
    }
}

fn failure_state(purpose: &str, field: &[u8], limits: &FailureLimits, now: u64) -> Option<FailureState> {
    let (in_a_row, sessions) = packed::failures(field)?;
    let waits = sessions
        .iter()
        .filter(|session| now.saturating_sub(session.last_ms) < ms(limits.forget_after()))
        .map(|session| (session.last_ms + ms(limits.wait(session.in_a_row))).saturating_sub(now));
    Some(FailureState {
        purpose: purpose.to_owned(),
        in_a_row,
        locked: in_a_row >= limits.ceiling(),
        longest_wait: Duration::from_millis(waits.max().unwrap_or_default()),
    })
}
