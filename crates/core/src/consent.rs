//! STOP and START: a last-writer-wins register on event time, the words that move it, and what shows that they were
//! said.

mod evidence;
mod reviews;
mod transfer;
mod words;

use std::{collections::HashSet, fmt, sync::Arc};

pub use evidence::Statement;
pub use reviews::{Resolution, Resolved, Waiting};
pub use transfer::{Imported, InForce, Whose};
pub use words::{KeywordError, KeywordSettings, Keywords, Said};

use crate::{
    event::{Event, Reply},
    phone::PhoneNumber,
    secret::{Fingerprint, FingerprintKey},
    store::{
        Consent, ConsentChange, ConsentRecorded, ConsentRegister, LedgerEntry, LedgerKind, Review,
        ReviewAdded, Store, StoreError,
    },
};

/// How far in the future a gateway's time may lie, in milliseconds. One that lies further ahead is no time: the receive
/// time counts, so that a future timestamp freezes nothing.
const FUTURE_TOLERANCE_MS: u64 = 60_000;

/// Keeps who wants texts from whom.
#[derive(Clone)]
pub struct ConsentLedger {
    store: Arc<dyn Store>,
    fingerprint_key: FingerprintKey,
    keywords: Arc<Keywords>,
    open_endpoints: Arc<HashSet<String>>,
}

/// What a text came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is not about consent.
    Nothing,
    /// It asks for help.
    Help,
    /// It says so, and the register says so now.
    Changed(Consent),
    /// It says so, and an equal or later statement stands.
    Stands(Consent),
    /// It is for somebody to read.
    ForReview {
        /// Whether it was put on the list just now.
        new: bool,
    },
    /// It is for somebody to read, and too many wait, or the person was erased: the person was opted out.
    OptedOutUnread,
    /// It opts out, and the phone has statements towards as many senders as there may be: it is opted out of all of them.
    OutOfAll,
    /// It opts in, and cannot be kept: the phone has statements towards as many senders as there may be.
    Full,
}

impl ConsentLedger {
    /// Keeps consent in this store, under names made with this key.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, fingerprint_key: FingerprintKey) -> Self {
        Self { store, fingerprint_key, keywords: Arc::default(), open_endpoints: Arc::default() }
    }

    /// Listens to these words.
    #[must_use]
    pub fn with_keywords(self, keywords: Keywords) -> Self {
        Self { keywords: Arc::new(keywords), ..self }
    }

    /// Names the endpoints that anyone may post to (`insecure = true`). What comes by them can stop texts and cannot
    /// start them: an opt-in is for somebody to read.
    #[must_use]
    pub fn with_open_endpoints(self, endpoints: impl IntoIterator<Item = String>) -> Self {
        Self { open_endpoints: Arc::new(endpoints.into_iter().collect()), ..self }
    }

    /// Whether anyone may post to the endpoint of this name.
    #[must_use]
    pub fn is_open(&self, endpoint: &str) -> bool {
        self.open_endpoints.contains(endpoint)
    }

    /// Whether a text asks for help.
    #[must_use]
    pub fn asks_for_help(&self, reply: &Reply) -> bool {
        matches!(self.keywords.read(&reply.text), Some(Said::Help(_)))
    }

    /// Merges what a reply says, if it says anything about consent.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; merging again is safe.
    pub async fn merge(&self, event: &Event, reply: &Reply) -> Result<Heard, StoreError> {
        match self.keywords.read(&reply.text) {
            None => Ok(Heard::Nothing),
            Some(Said::Help(_)) => Ok(Heard::Help),
            Some(Said::Out(word)) => self.state(event, reply, word, Consent::Out).await,
            Some(Said::In(word)) if self.is_open(&event.endpoint) => self.ask(event, reply, word).await,
            Some(Said::In(word)) => self.state(event, reply, word, Consent::In).await,
            Some(Said::Unclear(word)) => self.ask(event, reply, word).await,
        }
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

    /// Whether `phone` (E.164 with `+`) has opted out of texts from `sender`, or, without one, from any of the tenant's
    /// numbers.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer: then nobody may be texted.
    pub async fn opted_out(
        &self,
        tenant: &str,
        phone: &str,
        sender: Option<&str>,
    ) -> Result<bool, StoreError> {
        let is_out = |change: &ConsentChange| change.consent == Consent::Out;
        Ok(match sender {
            Some(sender) => self.read(tenant, phone, sender).await?.as_ref().is_some_and(is_out),
            None => {
                let all = self.store.consents(&self.fingerprint_key.phone(tenant, phone)).await?;
                all.iter().any(|(_, change)| is_out(change))
            }
        })
    }

    /// What is kept of what a phone (E.164 with `+`) has said, the oldest first; a statement is missing where another
    /// fingerprint key sealed it.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn history(
        &self,
        tenant: &str,
        phone: &str,
    ) -> Result<Vec<(LedgerEntry, Option<Statement>)>, StoreError> {
        let phone = self.fingerprint_key.phone(tenant, phone);
        let opened = |entry: LedgerEntry| {
            let register = ConsentRegister { phone: phone.clone(), sender: entry.sender.clone() };
            let said = Statement::open(&self.fingerprint_key, &register, &entry.evidence);
            (entry, said)
        };
        Ok(self.store.consent_ledger(&phone).await?.into_iter().map(opened).collect())
    }

    /// Forgets what a phone (E.164 with `+`) has said. What stays is that it opted out, and when; a text that waits to
    /// be read counts as an opt-out, for nobody will read it. Returns how many entries there were.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; erasing again is safe.
    pub async fn erase(&self, tenant: &str, phone: &str) -> Result<u64, StoreError> {
        let phone = self.fingerprint_key.phone(tenant, phone);
        let mut erased = 0;
        let list = self.review_list(tenant);
        for review in self.store.reviews(&list).await? {
            if review.register.phone != phone {
                continue;
            }
            if !self.asks_to_start(&review) {
                let bare = ConsentChange { consent: Consent::Out, at_ms: review.at_ms, evidence: None };
                self.store.record_consent(&review.register, &bare, 0).await?;
            }
            erased += u64::from(self.store.remove_review(&list, &review).await?);
        }
        Ok(erased + self.store.erase_consent(&phone).await?)
    }

    async fn state(
        &self,
        event: &Event,
        reply: &Reply,
        word: &str,
        consent: Consent,
    ) -> Result<Heard, StoreError> {
        let register = self.register(&event.tenant, &reply.from, &reply.to);
        let evidence =
            Some(self.statement(event, reply, word).seal(&self.fingerprint_key, &register, event.id.clone()));
        let change = ConsentChange { consent, at_ms: said_at(event, reply), evidence };
        Ok(match self.store.record_consent(&register, &change, event.received_at_ms).await? {
            ConsentRecorded::Changed => Heard::Changed(consent),
            ConsentRecorded::Stands => Heard::Stands(consent),
            ConsentRecorded::OutOfAll => Heard::OutOfAll,
            ConsentRecorded::Full => Heard::Full,
        })
    }

    /// Puts a text on the review list, once.
    async fn ask(&self, event: &Event, reply: &Reply, word: &str) -> Result<Heard, StoreError> {
        let register = self.register(&event.tenant, &reply.from, &reply.to);
        if self.was_erased(&register.phone, event).await? {
            return self.out_unread(event, reply, word).await;
        }
        // The ledger is written last: what stands there has been on the list, and may have been resolved since.
        let known = self.store.consent_ledger(&register.phone).await?;
        if known.iter().any(|entry| entry.sender == register.sender && entry.evidence.event == event.id) {
            return Ok(Heard::ForReview { new: false });
        }
        let at_ms = said_at(event, reply);
        let statement = self.statement(event, reply, word);
        let evidence = statement.seal(&self.fingerprint_key, &register, event.id.clone());
        let (phone, sender) = (register.phone.clone(), register.sender.clone());
        let review = Review { register, at_ms, evidence: evidence.clone() };
        let new = match self.store.add_review(&self.review_list(&event.tenant), &review).await? {
            ReviewAdded::Added => true,
            ReviewAdded::Known => false,
            ReviewAdded::Full => return self.out_unread(event, reply, word).await,
        };
        // Erased meanwhile: whoever did that has looked through the list already.
        if self.was_erased(&phone, event).await? {
            self.store.remove_review(&self.review_list(&event.tenant), &review).await?;
            return self.out_unread(event, reply, word).await;
        }
        let entry = LedgerEntry { sender, kind: LedgerKind::Asked, at_ms, evidence };
        self.store.note_consent(&phone, &entry, event.received_at_ms).await?;
        Ok(Heard::ForReview { new })
    }

    /// Whether the phone has been erased since the event was received.
    async fn was_erased(&self, phone: &Fingerprint, event: &Event) -> Result<bool, StoreError> {
        let erased = self.store.erased_at_ms(phone).await?;
        Ok(erased.is_some_and(|erased| event.received_at_ms <= erased))
    }

    /// Nobody will read it: whoever asked in other words is not texted. An opt-in that nobody vouches for is nothing.
    async fn out_unread(&self, event: &Event, reply: &Reply, word: &str) -> Result<Heard, StoreError> {
        if matches!(self.keywords.read(&reply.text), Some(Said::In(_))) {
            return Ok(Heard::ForReview { new: false });
        }
        self.state(event, reply, word, Consent::Out).await?;
        Ok(Heard::OptedOutUnread)
    }

    /// Whether what waits is an opt-in that nobody vouches for: of all that waits, only that is nothing but its word. The
    /// words of this ledger are not asked, since whoever erases may have others, or none.
    fn asks_to_start(&self, review: &Review) -> bool {
        let said = Statement::open(&self.fingerprint_key, &review.register, &review.evidence);
        said.is_some_and(|said| said.text.is_some_and(|text| words::is_just(&text, &said.word)))
    }

    fn statement(&self, event: &Event, reply: &Reply, word: &str) -> Statement {
        Statement {
            tenant: event.tenant.clone(),
            phone: reply.from.clone(),
            sender: canonical(&reply.to),
            endpoint: event.endpoint.clone(),
            word: word.to_owned(),
            text: Some(reply.text.clone()),
        }
    }

    fn register(&self, tenant: &str, phone: &str, sender: &str) -> ConsentRegister {
        ConsentRegister {
            phone: self.fingerprint_key.phone(tenant, phone),
            sender: self.fingerprint_key.name("sender", &[tenant, &canonical(sender)]),
        }
    }

    fn review_list(&self, tenant: &str) -> Fingerprint {
        self.fingerprint_key.name("reviews", &[tenant])
    }
}

impl fmt::Debug for ConsentLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsentLedger")
    }
}

/// The gateway's time, as far as it can be believed.
fn said_at(event: &Event, reply: &Reply) -> u64 {
    let latest = event.received_at_ms.saturating_add(FUTURE_TOLERANCE_MS);
    reply.sent_at_ms.filter(|sent_at| *sent_at <= latest).unwrap_or(event.received_at_ms)
}

/// One spelling of our own number: gateways write it with and without `+`. A short code stays as it is.
pub(crate) fn canonical(sender: &str) -> String {
    PhoneNumber::parse_international(sender)
        .map_or_else(|_| sender.trim().to_owned(), |phone| phone.e164().to_owned())
}
