//! STOP and START: a last-writer-wins register on event time, and the words that move it.

use std::{fmt, sync::Arc};

use crate::{
    event::{Event, Reply},
    folded::folded,
    phone::PhoneNumber,
    secret::FingerprintKey,
    store::{Consent, ConsentChange, ConsentRegister, ConsentStore, StoreError},
};

/// How far in the future a gateway's time may lie before it is taken back to the receive time, in
/// milliseconds: a future timestamp must not freeze the register.
const FUTURE_TOLERANCE_MS: u64 = 60_000;

const OUT: [&str; 8] = ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"];
const IN: [&str; 3] = ["start", "unstop", "yes"];

/// What a reply says about consent, and the word that says it.
#[must_use]
pub fn statement(text: &str) -> Option<(Consent, &'static str)> {
    let word = normalised(text);
    let find = |words: &[&'static str], consent| {
        words.iter().find(|known| **known == word).map(|known| (consent, *known))
    };
    find(&OUT, Consent::Out).or_else(|| find(&IN, Consent::In))
}

/// The whole message, as people write one word: NFKC, trimmed, without outer punctuation, in lower case,
/// without inner spaces and hyphens (`opt-out`, `STOP ALL`).
fn normalised(text: &str) -> String {
    // The longest word with generous punctuation is far shorter; a long text is not one word.
    if text.len() > 64 {
        return String::new();
    }
    folded(text)
        .trim_matches(|c: char| !c.is_alphanumeric())
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect()
}

/// Keeps who wants texts from whom.
#[derive(Clone)]
pub struct ConsentLedger {
    store: Arc<dyn ConsentStore>,
    fingerprint_key: FingerprintKey,
}

impl ConsentLedger {
    /// Keeps consent in this store, under names made with this key.
    #[must_use]
    pub fn new(store: Arc<dyn ConsentStore>, fingerprint_key: FingerprintKey) -> Self {
        Self { store, fingerprint_key }
    }

    /// Merges what a reply says, if it says anything about consent; returns what the statement was and
    /// whether it changed the register.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; merging again is safe.
    pub async fn merge(&self, event: &Event, reply: &Reply) -> Result<Option<(Consent, bool)>, StoreError> {
        let Some((consent, word)) = statement(&reply.text) else {
            return Ok(None);
        };
        let sent_at = reply.sent_at_ms.unwrap_or(event.received_at_ms);
        let change = ConsentChange {
            consent,
            at_ms: sent_at.min(event.received_at_ms + FUTURE_TOLERANCE_MS),
            event: event.id.clone(),
            rule: word.to_owned(),
        };
        let register = self.register(&event.tenant, &reply.from, &reply.to);
        let changed = self.store.record_consent(&register, &change).await?;
        Ok(Some((consent, changed)))
    }

    /// Reads the last statement of `phone` (E.164 with `+`) towards `sender`.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn read(
        &self,
        tenant: &str,
        phone: &str,
        sender: &str,
    ) -> Result<Option<ConsentChange>, StoreError> {
        self.store.consent(&self.register(tenant, phone, sender)).await
    }

    fn register(&self, tenant: &str, phone: &str, sender: &str) -> ConsentRegister {
        ConsentRegister {
            phone: self.fingerprint_key.phone(tenant, phone),
            sender: self.fingerprint_key.name("sender", &[tenant, &canonical(sender)]),
        }
    }
}

impl fmt::Debug for ConsentLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsentLedger")
    }
}

/// One spelling of our own number: gateways write it with and without `+`. A short code stays as it is.
pub(crate) fn canonical(sender: &str) -> String {
    PhoneNumber::parse_international(sender)
        .map_or_else(|_| sender.trim().to_owned(), |phone| phone.e164().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_in_any_dress_is_a_statement() {
        for text in
            ["STOP", " stop ", "Stop.", "«STOP!»", "ＳＴＯＰ", "STOP ALL", "opt-out", "Quit", "\"cancel\""]
        {
            assert_eq!(statement(text).map(|(consent, _)| consent), Some(Consent::Out), "{text:?}");
        }
        for text in ["START", "unstop", "Yes!"] {
            assert_eq!(statement(text).map(|(consent, _)| consent), Some(Consent::In), "{text:?}");
        }
    }

    #[test]
    fn a_sentence_is_not_a_statement() {
        for text in
            ["please stop texting me", "stopped", "yes please", "", "HOURS", "st0p", &"stop ".repeat(40)]
        {
            assert_eq!(statement(text), None, "{text:?}");
        }
    }
}
