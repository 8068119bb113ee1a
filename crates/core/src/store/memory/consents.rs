//! Consent registers, the ledger and review lists in memory.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    event::EventId,
    secret::Fingerprint,
    store::{
        CONSENT_SENDERS_AT_MOST, Consent, ConsentChange, ConsentRecorded, ConsentRegister, ConsentStore,
        LEDGER_AT_MOST, LEDGER_OF_PHONE_AT_MOST, LedgerEntry, LedgerKind, REVIEWS_AT_MOST,
        REVIEWS_OF_ONE_AT_MOST, Review, ReviewAdded, StoreError,
        consents::{consent_shard, drop_covered, standing},
        every_sender,
    },
};

/// What is kept of consent.
#[derive(Default)]
pub(super) struct Consents {
    phones: HashMap<Fingerprint, Phone>,
    /// By tenant.
    reviews: HashMap<Fingerprint, HashMap<(ConsentRegister, EventId), Review>>,
}

/// By sender, which a map keeps in the order of their names.
#[derive(Default)]
struct Phone {
    registers: BTreeMap<String, ConsentChange>,
    ledger: BTreeMap<String, BTreeMap<EventId, LedgerEntry>>,
}

impl Phone {
    /// The opt-out of every sender, if there is one.
    fn every(&self) -> Option<&ConsentChange> {
        self.registers.get(every_sender().as_str()).filter(|change| change.consent == Consent::Out)
    }

    /// Merges into the register of the sender, or into that of all of them when there is no place for it.
    fn merge(&mut self, sender: &str, change: &ConsentChange) -> ConsentRecorded {
        let every = every_sender();
        let (mut sender, mut came_to) = (sender, ConsentRecorded::Changed);
        if sender != every.as_str() && self.every().is_some_and(|every| every.covers(change)) {
            return ConsentRecorded::Stands;
        }
        let mut change = change.clone();
        if !self.registers.contains_key(sender) && sender != every.as_str() && !self.has_room() {
            if change.consent == Consent::In {
                return ConsentRecorded::Full;
            }
            (sender, came_to) = (every.as_str(), ConsentRecorded::OutOfAll);
            change.evidence = None;
        }
        let known = self.registers.get(sender);
        let says_the_same =
            known.is_some_and(|known| (known.consent, known.at_ms) == (change.consent, change.at_ms));
        if known.is_some_and(|known| !change.wins_over(known)) {
            return ConsentRecorded::Stands;
        }
        self.registers.insert(sender.to_owned(), change);
        if says_the_same { ConsentRecorded::Stands } else { came_to }
    }

    /// Whether one more sender has a place, after what an opt-out of every sender covers has given way.
    fn has_room(&mut self) -> bool {
        let every = every_sender();
        let senders = |phone: &Self| phone.registers.keys().filter(|name| *name != every.as_str()).count();
        if senders(self) >= CONSENT_SENDERS_AT_MOST
            && let Some(of_all) = self.every().cloned()
        {
            self.registers.retain(|name, change| name == every.as_str() || !of_all.covers(change));
        }
        senders(self) < CONSENT_SENDERS_AT_MOST
    }

    /// Whether the entry is new, or answers what was asked.
    fn note(&mut self, entry: LedgerEntry) -> bool {
        let sender = entry.sender.as_str().to_owned();
        let of_others: usize =
            self.ledger.iter().filter(|(name, _)| **name != sender).map(|(_, entries)| entries.len()).sum();
        let ours = self.ledger.entry(sender).or_default();
        let known = ours.get(&entry.evidence.event).map(|known| known.kind);
        let new = match known {
            None => true,
            Some(LedgerKind::Asked) => entry.kind != LedgerKind::Asked,
            Some(_) => false,
        };
        if new {
            ours.insert(entry.evidence.event.clone(), entry);
        }
        while ours.len() > LEDGER_AT_MOST || of_others + ours.len() > LEDGER_OF_PHONE_AT_MOST {
            let oldest = ours.iter().min_by_key(|(event, entry)| (entry.at_ms, (*event).clone()));
            let Some(oldest) = oldest.map(|(event, _)| event.clone()) else { break };
            ours.remove(&oldest);
        }
        new
    }
}

#[async_trait]
impl ConsentStore for MemoryStore {
    async fn record_consent(
        &self,
        register: &ConsentRegister,
        change: &ConsentChange,
        received_at_ms: u64,
    ) -> Result<ConsentRecorded, StoreError> {
        let (mut state, now) = self.step();
        let erased = state.erasures.get(&register.phone, now).is_some_and(|erased| received_at_ms <= *erased);
        let change = ConsentChange {
            evidence: change.evidence.clone().filter(|_| !erased),
            consent: change.consent,
            at_ms: change.at_ms,
        };
        let phone = state.consents.phones.entry(register.phone.clone()).or_default();
        let recorded = phone.merge(register.sender.as_str(), &change);
        if recorded == ConsentRecorded::Full {
            return Ok(recorded);
        }
        if let Some(evidence) = change.evidence {
            let kind = match change.consent {
                Consent::In => LedgerKind::In,
                Consent::Out => LedgerKind::Out,
            };
            let sender = register.sender.clone();
            phone.note(LedgerEntry { sender, kind, at_ms: change.at_ms, evidence });
        }
        Ok(recorded)
    }

    async fn note_consent(
        &self,
        phone: &Fingerprint,
        entry: &LedgerEntry,
        received_at_ms: u64,
    ) -> Result<bool, StoreError> {
        let (mut state, now) = self.step();
        let erased = state.erasures.get(phone, now).is_some_and(|erased| received_at_ms <= *erased);
        Ok(!erased && state.consents.phones.entry(phone.clone()).or_default().note(entry.clone()))
    }

    async fn consent(&self, register: &ConsentRegister) -> Result<Option<ConsentChange>, StoreError> {
        let (state, _) = self.step();
        let phone = state.consents.phones.get(&register.phone);
        let sender = register.sender.as_str();
        let register = |name: &str| phone.and_then(|phone| phone.registers.get(name)).cloned();
        Ok(standing(register(sender), register(every_sender().as_str())))
    }

    async fn consents(&self, phone: &Fingerprint) -> Result<Vec<(Fingerprint, ConsentChange)>, StoreError> {
        let (state, _) = self.step();
        let registers = state.consents.phones.get(phone).into_iter().flat_map(|phone| &phone.registers);
        let named =
            registers.filter_map(|(sender, change)| Some((Fingerprint::parse(sender)?, change.clone())));
        let mut named = named.collect();
        drop_covered(&mut named);
        Ok(named)
    }

    async fn consent_ledger(&self, phone: &Fingerprint) -> Result<Vec<LedgerEntry>, StoreError> {
        let (state, _) = self.step();
        let entries = state.consents.phones.get(phone).into_iter().flat_map(|phone| phone.ledger.values());
        let mut entries: Vec<LedgerEntry> = entries.flat_map(BTreeMap::values).cloned().collect();
        entries.sort_by_key(|entry| (entry.at_ms, entry.evidence.event.clone()));
        Ok(entries)
    }

    async fn erase_consent(&self, phone: &Fingerprint) -> Result<u64, StoreError> {
        let (mut state, _) = self.step();
        let Some(mut known) = state.consents.phones.remove(phone) else { return Ok(0) };
        let mut erased = known.ledger.values().map(BTreeMap::len).sum::<usize>();
        let registers = known.registers.len();
        known.registers.retain(|_, change| change.consent == Consent::Out);
        erased += registers - known.registers.len();
        erased += known.registers.values_mut().filter_map(|change| change.evidence.take()).count();
        if !known.registers.is_empty() {
            let bare = Phone { registers: known.registers, ledger: BTreeMap::new() };
            state.consents.phones.insert(phone.clone(), bare);
        }
        Ok(erased as u64)
    }

    async fn consent_phones(&self, shard: u8) -> Result<Vec<Fingerprint>, StoreError> {
        let (state, _) = self.step();
        let phones = state.consents.phones.iter().filter(|(_, phone)| !phone.registers.is_empty());
        let ours = phones.map(|(name, _)| name).filter(|name| consent_shard(name) == shard);
        let mut phones: Vec<Fingerprint> = ours.cloned().collect();
        phones.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(phones)
    }

    async fn add_review(&self, tenant: &Fingerprint, review: &Review) -> Result<ReviewAdded, StoreError> {
        let (mut state, _) = self.step();
        let list = state.consents.reviews.entry(tenant.clone()).or_default();
        let name = name(review);
        if list.contains_key(&name) {
            return Ok(ReviewAdded::Known);
        }
        let of_one = list.keys().filter(|(register, _)| *register == review.register).count();
        if list.len() >= REVIEWS_AT_MOST || of_one >= REVIEWS_OF_ONE_AT_MOST {
            return Ok(ReviewAdded::Full);
        }
        list.insert(name, review.clone());
        Ok(ReviewAdded::Added)
    }

    async fn reviews(&self, tenant: &Fingerprint) -> Result<Vec<Review>, StoreError> {
        let (state, _) = self.step();
        let list = state.consents.reviews.get(tenant).into_iter().flat_map(HashMap::values);
        let mut reviews: Vec<Review> = list.cloned().collect();
        reviews.sort_by_key(|review| (review.at_ms, review.evidence.event.clone()));
        Ok(reviews)
    }

    async fn remove_review(&self, tenant: &Fingerprint, review: &Review) -> Result<bool, StoreError> {
        let (mut state, _) = self.step();
        let list = state.consents.reviews.get_mut(tenant);
        Ok(list.is_some_and(|list| list.remove(&name(review)).is_some()))
    }
}

fn name(review: &Review) -> (ConsentRegister, EventId) {
    (review.register.clone(), review.evidence.event.clone())
}
