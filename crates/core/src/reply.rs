//! Automatic replies: each one is sent at most once, whatever dies, and two machines cannot answer each other for ever.

use std::{fmt, sync::Arc};

use crate::{
    consent::canonical,
    event::{Event, Reply},
    phone::PhoneNumber,
    secret::FingerprintKey,
    store::{ReplyClaim, ReplyEnd, ReplyKey, ReplyStore, RequestId, StoreError},
};

/// Hands out the right to answer.
#[derive(Clone)]
pub struct AutomaticReplies {
    store: Arc<dyn ReplyStore>,
    fingerprint_key: FingerprintKey,
}

/// The right to answer one event by one rule. Dropped without a word, it counts as an answer that may have been sent.
#[must_use = "say how the send ended"]
pub struct ReplyPermit {
    store: Arc<dyn ReplyStore>,
    key: ReplyKey,
    claim: RequestId,
}

/// What came of asking for a permit.
#[derive(Debug)]
pub enum Asked {
    /// Send it, and say how it ended.
    Granted(ReplyPermit),
    /// Do not.
    Refused(ReplyClaim),
}

impl AutomaticReplies {
    /// Keeps claims in this store, under names made with this key.
    #[must_use]
    pub fn new(store: Arc<dyn ReplyStore>, fingerprint_key: FingerprintKey) -> Self {
        Self { store, fingerprint_key }
    }

    /// Asks to answer `reply`, the text of `event`, by the rule of this name.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; nothing may be sent then.
    pub async fn ask(&self, event: &Event, reply: &Reply, rule: &str) -> Result<Asked, StoreError> {
        let (own, other) = (canonical(&reply.to), canonical(&reply.from));
        let pair = self.fingerprint_key.name("reply pair", &[&event.tenant, &own, &other]);
        let key = ReplyKey { pair, event: event.id.clone(), rule: rule.to_owned() };
        let claim = RequestId::random();
        let claimed = match self.store.claim_reply(&key, claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                // It may have been written, and nothing was sent: left there, it would be unknown for ever.
                if let Err(error) = self.store.release_reply(&key, claim).await {
                    tracing::warn!(%error, event = %event.id, "the claim of an automatic reply may be left behind");
                }
                return Err(error);
            }
        };
        Ok(match claimed {
            ReplyClaim::Yours => Asked::Granted(ReplyPermit { store: Arc::clone(&self.store), key, claim }),
            refused => Asked::Refused(refused),
        })
    }
}

impl ReplyPermit {
    /// The gateway took it, or nobody knows.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; it counts as unknown then.
    pub async fn ended(self, end: ReplyEnd) -> Result<(), StoreError> {
        self.store.record_reply(&self.key, self.claim, end).await.map(drop)
    }

    /// It certainly was not sent: it may be tried again.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; it counts as unknown then.
    pub async fn not_sent(self) -> Result<(), StoreError> {
        self.store.release_reply(&self.key, self.claim).await.map(drop)
    }
}

impl fmt::Debug for AutomaticReplies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AutomaticReplies")
    }
}

impl fmt::Debug for ReplyPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyPermit").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Our own numbers and short codes: they are never answered.
#[derive(Clone, Default)]
pub struct OwnNumbers(Vec<String>);

impl OwnNumbers {
    /// Takes numbers as gateways write them, with or without `+`, and short codes.
    #[must_use]
    pub fn new(numbers: &[String]) -> Self {
        Self(numbers.iter().map(|number| canonical(number)).collect())
    }

    /// Whether `reply` is from a number of ours: a listed one, or the one that it was sent to.
    #[must_use]
    pub fn sent(&self, reply: &Reply) -> bool {
        let from = canonical(&reply.from);
        from == canonical(&reply.to) || self.0.contains(&from)
    }
}

impl fmt::Debug for OwnNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnNumbers({})", self.0.len())
    }
}

/// Who an answer to this reply goes to, if the sender is a phone.
#[must_use]
pub fn answerable(reply: &Reply) -> Option<PhoneNumber> {
    PhoneNumber::parse_international(&reply.from).ok()
}
