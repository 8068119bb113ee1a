//! Consent out of one store and into another: by event time, so that any order and any repetition end the same.

use super::{ConsentLedger, Statement, canonical};
use crate::{
    event::{EventId, Identity},
    secret::Fingerprint,
    store::{CONSENT_SHARDS, Consent, ConsentChange, ConsentRecorded, ConsentRegister, StoreError},
};

/// A statement in force, with what shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Which register.
    pub register: ConsentRegister,
    /// In or out.
    pub consent: Consent,
    /// Event time in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The event that said so; none for somebody who was erased.
    pub event: Option<EventId>,
    /// What was said; none for somebody who was erased, and where another fingerprint key sealed it.
    pub said: Option<Statement>,
}

/// A statement from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Whose it is.
    pub whose: Whose,
    /// In or out.
    pub consent: Consent,
    /// Event time in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Its event; without one, the statement itself makes a name, which is the same each time.
    pub event: Option<EventId>,
}

/// Whose statement it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Somebody's whose number is known.
    Known(Statement),
    /// Somebody's who was erased: names that only the same fingerprint key makes.
    Erased(ConsentRegister),
}

impl ConsentLedger {
    /// What a phone (E.164 with `+`) has said last, to each of our numbers.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn in_force(&self, tenant: &str, phone: &str) -> Result<Vec<InForce>, StoreError> {
        self.in_force_of(&self.fingerprint_key.phone(tenant, phone)).await
    }

    /// Everything that is in force in one of [`CONSENT_SHARDS`] parts of the store, from 0.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn export(&self, shard: u8) -> Result<Vec<InForce>, StoreError> {
        let mut all = Vec::new();
        for phone in self.store.consent_phones(shard.min(CONSENT_SHARDS - 1)).await? {
            all.extend(self.in_force_of(&phone).await?);
        }
        Ok(all)
    }

    /// Merges a statement from elsewhere. `now_ms` is the time of the import.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; importing it again is safe.
    pub async fn import(&self, imported: Imported, now_ms: u64) -> Result<ConsentRecorded, StoreError> {
        let (register, change) = self.change_of(imported);
        // What was said before an erasure leaves no evidence behind it, wherever it comes from.
        self.store.record_consent(&register, &change, change.at_ms.min(now_ms)).await
    }

    /// Whether importing it would change a register. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn would_change(&self, imported: Imported) -> Result<bool, StoreError> {
        let (register, change) = self.change_of(imported);
        let known = self.store.consent(&register).await?;
        Ok(known.is_none_or(|known| {
            change.wins_over(&known) && (known.consent, known.at_ms) != (change.consent, change.at_ms)
        }))
    }

    async fn in_force_of(&self, phone: &Fingerprint) -> Result<Vec<InForce>, StoreError> {
        let registers = self.store.consents(phone).await?;
        let opened = |(sender, change): (Fingerprint, ConsentChange)| {
            let register = ConsentRegister { phone: phone.clone(), sender };
            let evidence = change.evidence.as_ref();
            InForce {
                said: evidence
                    .and_then(|evidence| Statement::open(&self.fingerprint_key, &register, evidence)),
                event: change.evidence.map(|evidence| evidence.event),
                consent: change.consent,
                at_ms: change.at_ms,
                register,
            }
        };
        Ok(registers.into_iter().map(opened).collect())
    }

    fn change_of(&self, imported: Imported) -> (ConsentRegister, ConsentChange) {
        let Imported { whose, consent, at_ms, event } = imported;
        let said = match whose {
            Whose::Erased(register) => return (register, ConsentChange { consent, at_ms, evidence: None }),
            Whose::Known(said) => Statement { sender: canonical(&said.sender), ..said },
        };
        let register = self.register(&said.tenant, &said.phone, &said.sender);
        let event = event.unwrap_or_else(|| {
            let fields = (&said.tenant, &said.phone, &said.sender, consent == Consent::Out, at_ms);
            let body = serde_json::to_vec(&fields).unwrap_or_default();
            EventId::of(&Identity::of_body("import", &body))
        });
        let evidence = said.seal(&self.fingerprint_key, &register, event);
        (register, ConsentChange { consent, at_ms, evidence: Some(evidence) })
    }
}
