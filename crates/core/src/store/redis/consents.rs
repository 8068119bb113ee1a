//! Consent registers, the ledger and review lists in Redis.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    RedisStore,
    reply::{number, signed},
    script::{ADD_REVIEW, CONSENT, ERASE_CONSENT},
};
use crate::{
    event::EventId,
    secret::Fingerprint,
    store::{
        CONSENT_SENDERS_AT_MOST, Consent, ConsentChange, ConsentRecorded, ConsentRegister, ConsentStore,
        Evidence, LEDGER_AT_MOST, LEDGER_OF_PHONE_AT_MOST, LedgerEntry, LedgerKind, REVIEWS_AT_MOST,
        REVIEWS_OF_ONE_AT_MOST, Review, ReviewAdded, StoreError,
        consents::{consent_shard, drop_covered, standing},
        every_sender,
    },
};

/// Names that are read at a time.
const PAGE: u32 = 1_000;

#[async_trait]
impl ConsentStore for RedisStore {
    async fn record_consent(
        &self,
        register: &ConsentRegister,
        change: &ConsentChange,
        received_at_ms: u64,
    ) -> Result<ConsentRecorded, StoreError> {
        let kind = match change.consent {
            Consent::In => LedgerKind::In,
            Consent::Out => LedgerKind::Out,
        };
        let evidence = change.evidence.as_ref();
        let recorded = self.merge(register, kind, change.at_ms, evidence, received_at_ms).await?;
        // After the register, whatever came of it: a repeat makes up for a crash in between.
        self.list_phone(&register.phone).await?;
        Ok(match recorded {
            2 => ConsentRecorded::OutOfAll,
            1 => ConsentRecorded::Changed,
            0 => ConsentRecorded::Stands,
            _ => ConsentRecorded::Full,
        })
    }

    async fn note_consent(
        &self,
        phone: &Fingerprint,
        entry: &LedgerEntry,
        received_at_ms: u64,
    ) -> Result<bool, StoreError> {
        let register = ConsentRegister { phone: phone.clone(), sender: entry.sender.clone() };
        let evidence = Some(&entry.evidence);
        let recorded = self.merge(&register, entry.kind, entry.at_ms, evidence, received_at_ms).await?;
        Ok(recorded == 1)
    }

    async fn consent(&self, register: &ConsentRegister) -> Result<Option<ConsentChange>, StoreError> {
        const ACTION: &str = "read consent";
        let (one, every): (Option<Vec<u8>>, Option<Vec<u8>>) = redis::cmd("HMGET")
            .arg(self.keys.consents(&register.phone))
            .arg(&[register.sender.as_str(), every_sender().as_str()])
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
        let read = |entry: Option<Vec<u8>>| {
            let unreadable = StoreError::Unreadable { action: ACTION };
            entry.map(|entry| read_change(&entry).ok_or(unreadable)).transpose()
        };
        Ok(standing(read(one)?, read(every)?))
    }

    async fn consents(&self, phone: &Fingerprint) -> Result<Vec<(Fingerprint, ConsentChange)>, StoreError> {
        const ACTION: &str = "read consents";
        let read = |(sender, entry): (String, Vec<u8>)| {
            let change = Fingerprint::parse(&sender).zip(read_change(&entry));
            change.ok_or(StoreError::Unreadable { action: ACTION })
        };
        let mut found: Vec<_> = self
            .hash(ACTION, self.keys.consents(phone))
            .await?
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()?;
        found.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        drop_covered(&mut found);
        Ok(found)
    }

    async fn consent_ledger(&self, phone: &Fingerprint) -> Result<Vec<LedgerEntry>, StoreError> {
        const ACTION: &str = "read a consent ledger";
        let read = |(field, entry): (String, Vec<u8>)| {
            let sender = field.split_once(':').and_then(|(sender, _)| Fingerprint::parse(sender));
            let read = sender.zip(read_entry(&entry)).and_then(|(sender, (kind, at_ms, evidence))| {
                Some(LedgerEntry { sender, kind, at_ms, evidence: evidence? })
            });
            read.ok_or(StoreError::Unreadable { action: ACTION })
        };
        let entries = self.hash(ACTION, self.keys.consent_ledger(phone)).await?.into_iter();
        let mut entries: Vec<_> = entries.map(read).collect::<Result<_, _>>()?;
        entries.sort_by(|one, other| {
            (one.at_ms, &one.evidence.event).cmp(&(other.at_ms, &other.evidence.event))
        });
        Ok(entries)
    }

    async fn erase_consent(&self, phone: &Fingerprint) -> Result<u64, StoreError> {
        let (registers, ledger) = (self.keys.consents(phone), self.keys.consent_ledger(phone));
        let keys = [registers.as_str(), &ledger];
        let call = ERASE_CONSENT.on(&keys);
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        let erased = number(&reply).ok_or_else(|| call.unreadable())?;
        self.unlist_phone(phone).await?;
        Ok(erased)
    }

    async fn consent_phones(&self, shard: u8) -> Result<Vec<Fingerprint>, StoreError> {
        const ACTION: &str = "list phones with consent";
        let (mut cursor, mut phones) = (0u64, BTreeSet::new());
        loop {
            let (next, page): (u64, Vec<String>) = redis::cmd("SSCAN")
                .arg(self.keys.consent_phones(shard))
                .arg(cursor)
                .arg("COUNT")
                .arg(PAGE)
                .query_async(&mut self.connections.shared())
                .await
                .map_err(|source| StoreError::Unavailable { action: ACTION, source })?;
            phones.extend(page);
            cursor = next;
            if cursor == 0 {
                let read = |name: &String| Fingerprint::parse(name);
                return Ok(phones.iter().filter_map(read).collect());
            }
        }
    }

    async fn add_review(&self, tenant: &Fingerprint, review: &Review) -> Result<ReviewAdded, StoreError> {
        let key = self.keys.reviews(tenant);
        let keys = [key.as_str()];
        let call = ADD_REVIEW
            .on(&keys)
            .bytes(person(&review.register))
            .bytes(review.evidence.event.as_str())
            .number(review.at_ms)
            .bytes(&review.evidence.sealed)
            .number(REVIEWS_AT_MOST as u64)
            .number(REVIEWS_OF_ONE_AT_MOST as u64);
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        match signed(&reply) {
            Some(1) => Ok(ReviewAdded::Added),
            Some(0) => Ok(ReviewAdded::Known),
            Some(-1) => Ok(ReviewAdded::Full),
            _ => Err(call.unreadable()),
        }
    }

    async fn reviews(&self, tenant: &Fingerprint) -> Result<Vec<Review>, StoreError> {
        const ACTION: &str = "read a review list";
        let read = |(field, entry): (String, Vec<u8>)| {
            let mut names = field.split(':').map(Fingerprint::parse);
            let register = ConsentRegister { phone: names.next()??, sender: names.next()?? };
            let (at_ms, evidence) = read_dated(&entry)?;
            Some(Review { register, at_ms, evidence: evidence? })
        };
        let entries = self.hash(ACTION, self.keys.reviews(tenant)).await?.into_iter();
        let entries = entries.map(|entry| read(entry).ok_or(StoreError::Unreadable { action: ACTION }));
        let mut reviews: Vec<_> = entries.collect::<Result<_, _>>()?;
        reviews.sort_by(|one: &Review, other| {
            (one.at_ms, &one.evidence.event).cmp(&(other.at_ms, &other.evidence.event))
        });
        Ok(reviews)
    }

    async fn remove_review(&self, tenant: &Fingerprint, review: &Review) -> Result<bool, StoreError> {
        redis::cmd("HDEL")
            .arg(self.keys.reviews(tenant))
            .arg([&person(&review.register), review.evidence.event.as_str()].concat())
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "remove a review", source })
    }
}

impl RedisStore {
    async fn merge(
        &self,
        register: &ConsentRegister,
        kind: LedgerKind,
        at_ms: u64,
        evidence: Option<&Evidence>,
        received_at_ms: u64,
    ) -> Result<i64, StoreError> {
        let phone = &register.phone;
        let keys = [self.keys.consents(phone), self.keys.consent_ledger(phone), self.keys.erasure(phone)];
        let keys = keys.each_ref().map(String::as_str);
        let call = CONSENT
            .on(&keys)
            .bytes(register.sender.as_str())
            .bytes([letter(kind)])
            .number(at_ms)
            .bytes(evidence.map_or("", |evidence| evidence.event.as_str()))
            .bytes(evidence.map_or(&[][..], |evidence| &evidence.sealed))
            .number(received_at_ms)
            .number(CONSENT_SENDERS_AT_MOST as u64)
            .number(LEDGER_AT_MOST as u64)
            .number(LEDGER_OF_PHONE_AT_MOST as u64)
            .bytes(every_sender().as_str());
        let reply = call.run_repeatable(&mut self.connections.shared()).await?;
        signed(&reply).filter(|reply| (-1..=2).contains(reply)).ok_or_else(|| call.unreadable())
    }

    async fn list_phone(&self, phone: &Fingerprint) -> Result<(), StoreError> {
        redis::cmd("SADD")
            .arg(self.keys.consent_phones(consent_shard(phone)))
            .arg(phone.as_str())
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action: "list a phone with consent", source })
    }

    /// Takes a phone without registers off the list; one that gets a register at the same time stays on it.
    async fn unlist_phone(&self, phone: &Fingerprint) -> Result<(), StoreError> {
        let fault = |source| StoreError::Unavailable { action: "unlist a phone with consent", source };
        let mut connection = self.connections.shared();
        let exists = redis::cmd("EXISTS").arg(self.keys.consents(phone)).to_owned();
        if exists.query_async::<bool>(&mut connection).await.map_err(fault)? {
            return Ok(());
        }
        redis::cmd("SREM")
            .arg(self.keys.consent_phones(consent_shard(phone)))
            .arg(phone.as_str())
            .query_async::<()>(&mut connection)
            .await
            .map_err(fault)?;
        match exists.query_async::<bool>(&mut connection).await.map_err(fault)? {
            true => self.list_phone(phone).await,
            false => Ok(()),
        }
    }

    async fn hash(&self, action: &'static str, key: String) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        redis::cmd("HGETALL")
            .arg(key)
            .query_async(&mut self.connections.shared())
            .await
            .map_err(|source| StoreError::Unavailable { action, source })
    }
}

/// What the fields of one person and sender begin with.
fn person(register: &ConsentRegister) -> String {
    [register.phone.as_str(), ":", register.sender.as_str(), ":"].concat()
}

fn letter(kind: LedgerKind) -> u8 {
    match kind {
        LedgerKind::In => b'i',
        LedgerKind::Out => b'o',
        LedgerKind::Asked => b'a',
        LedgerKind::Ignored => b'n',
    }
}

fn read_change(entry: &[u8]) -> Option<ConsentChange> {
    let (kind, at_ms, evidence) = read_entry(entry)?;
    let consent = match kind {
        LedgerKind::In => Consent::In,
        LedgerKind::Out => Consent::Out,
        LedgerKind::Asked | LedgerKind::Ignored => return None,
    };
    Some(ConsentChange { consent, at_ms, evidence })
}

fn read_entry(entry: &[u8]) -> Option<(LedgerKind, u64, Option<Evidence>)> {
    let (kind, rest) = entry.split_first()?;
    let kinds = [LedgerKind::In, LedgerKind::Out, LedgerKind::Asked, LedgerKind::Ignored];
    let kind = kinds.into_iter().find(|known| letter(*known) == *kind)?;
    let (at_ms, evidence) = read_dated(rest)?;
    Some((kind, at_ms, evidence))
}

/// `time`, or `time|event|sealed`.
fn read_dated(entry: &[u8]) -> Option<(u64, Option<Evidence>)> {
    let mut parts = entry.splitn(3, |byte| *byte == b'|');
    let mut text = || std::str::from_utf8(parts.next()?).ok();
    let at_ms = text()?.parse().ok()?;
    let Some(event) = text() else { return Some((at_ms, None)) };
    let event = EventId::try_from(event.to_owned()).ok()?;
    Some((at_ms, Some(Evidence { event, sealed: parts.next()?.to_vec() })))
}
