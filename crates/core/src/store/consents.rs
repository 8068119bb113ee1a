//! The port for consent: last-writer-wins registers on event time, what was said, and what somebody has to read.

use async_trait::async_trait;

use super::StoreError;
use crate::{event::EventId, secret::Fingerprint};

/// The most of our numbers and short codes that one phone has statements towards.
pub const CONSENT_SENDERS_AT_MOST: usize = 64;

/// The most entries that the ledger keeps of one phone towards one sender; the oldest go first.
pub const LEDGER_AT_MOST: usize = 16;

/// The most entries that the ledger keeps of one phone: as many as its senders may have. Beyond, an entry takes the place of
/// the oldest of its sender, and of a sender without entries none is kept.
pub const LEDGER_OF_PHONE_AT_MOST: usize = CONSENT_SENDERS_AT_MOST * LEDGER_AT_MOST;

/// The most texts of one tenant that wait for somebody to read them.
pub const REVIEWS_AT_MOST: usize = 1_000;

/// The most of them from one person to one sender.
pub const REVIEWS_OF_ONE_AT_MOST: usize = 8;

/// Parts of the list of phones that have a register, from 0.
pub const CONSENT_SHARDS: u8 = 64;

/// Names one register: tenant and phone (both in the fingerprint) and the sender they opted out of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsentRegister {
    /// Keyed fingerprint of tenant and phone.
    pub phone: Fingerprint,
    /// Keyed fingerprint of our number or short code.
    pub sender: Fingerprint,
}

/// Whether a person wants texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Opted in, by START or the like.
    In,
    /// Opted out, by STOP or the like.
    Out,
}

/// What shows that a person said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The event that said so.
    pub event: EventId,
    /// Text, number and the rest, sealed: the store cannot read it.
    pub sealed: Vec<u8>,
}

/// One statement of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentChange {
    /// In or out.
    pub consent: Consent,
    /// Event time in milliseconds since the Unix epoch, already clamped to the receive time.
    pub at_ms: u64,
    /// None for somebody who was erased: what is left is that they must not be texted.
    pub evidence: Option<Evidence>,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentRecorded {
    /// The register says so now.
    Changed,
    /// An equal or later statement stands.
    Stands,
    /// An opt-out, and the phone has statements towards [`CONSENT_SENDERS_AT_MOST`] senders already: it holds towards
    /// every sender, since it must rather hold too widely than not at all.
    OutOfAll,
    /// An opt-in, and the phone has statements towards as many senders. It is not kept.
    Full,
}

/// What an entry of the ledger is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerKind {
    /// Opted in.
    In,
    /// Opted out.
    Out,
    /// Asked in words that somebody has to read.
    Asked,
    /// Somebody has read it, and nothing was changed.
    Ignored,
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Towards whom.
    pub sender: Fingerprint,
    /// What.
    pub kind: LedgerKind,
    /// Event time in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What shows it.
    pub evidence: Evidence,
}

/// A text that somebody has to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Whose, and towards whom.
    pub register: ConsentRegister,
    /// Event time in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The text.
    pub evidence: Evidence,
}

/// What became of a text for the review list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewAdded {
    /// It waits.
    Added,
    /// It waits already.
    Known,
    /// The list has [`REVIEWS_AT_MOST`] entries, or [`REVIEWS_OF_ONE_AT_MOST`] of this person to this sender.
    Full,
}

/// Opt-outs. The later statement wins; at the same time, opting out wins.
#[async_trait]
pub trait ConsentStore: Send + Sync {
    /// Merges a statement and keeps it in the ledger. An opt-out of [`every_sender`] covers what is not later than it is;
    /// what it covers gives way when there is no place for another sender. Of a statement that was received at or
    /// before the phone's erasure only the bare state is kept.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; recording it again is safe.
    async fn record_consent(
        &self,
        register: &ConsentRegister,
        change: &ConsentChange,
        received_at_ms: u64,
    ) -> Result<ConsentRecorded, StoreError>;

    /// Keeps in the ledger that a text was asked about ([`LedgerKind::Asked`]) or ignored; the register stays as it
    /// is. Nothing is kept of what was received at or before the phone's erasure. Returns whether it was new.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; noting it again is safe.
    async fn note_consent(
        &self,
        phone: &Fingerprint,
        entry: &LedgerEntry,
        received_at_ms: u64,
    ) -> Result<bool, StoreError>;

    /// Reads the last statement towards a sender; that may be an opt-out of [`every_sender`].
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn consent(&self, register: &ConsentRegister) -> Result<Option<ConsentChange>, StoreError>;

    /// Reads the last statement towards each sender that has one, without what an opt-out of [`every_sender`] covers.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn consents(&self, phone: &Fingerprint) -> Result<Vec<(Fingerprint, ConsentChange)>, StoreError>;

    /// Reads the ledger of a phone, the oldest entry first.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn consent_ledger(&self, phone: &Fingerprint) -> Result<Vec<LedgerEntry>, StoreError>;

    /// Forgets the ledger of a phone and its opt-ins; of an opt-out the bare state and its time stay. Returns how many
    /// entries there were.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; erasing again is safe.
    async fn erase_consent(&self, phone: &Fingerprint) -> Result<u64, StoreError>;

    /// The phones of one of [`CONSENT_SHARDS`] parts that have, or had, a register.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn consent_phones(&self, shard: u8) -> Result<Vec<Fingerprint>, StoreError>;

    /// Puts a text on the review list of a tenant (its keyed name).
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; adding it again is safe.
    async fn add_review(&self, tenant: &Fingerprint, review: &Review) -> Result<ReviewAdded, StoreError>;

    /// The review list of a tenant, the oldest entry first.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn reviews(&self, tenant: &Fingerprint) -> Result<Vec<Review>, StoreError>;

    /// Takes a text off the list; returns whether it was there.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; removing it again is safe.
    async fn remove_review(&self, tenant: &Fingerprint, review: &Review) -> Result<bool, StoreError>;
}

impl ConsentChange {
    /// Whether this statement stands against `other`: the later one does, at the same time opting out does. Of two
    /// that say the same at the same time, the one without evidence does, for its person was erased; else the greater
    /// event id, so that any order ends the same.
    #[must_use]
    pub fn wins_over(&self, other: &Self) -> bool {
        let out = |change: &Self| change.consent == Consent::Out;
        let (mine, theirs) = ((self.at_ms, out(self)), (other.at_ms, out(other)));
        mine > theirs
            || mine == theirs
                && match (&self.evidence, &other.evidence) {
                    (_, None) => false,
                    (None, Some(_)) => true,
                    (Some(mine), Some(theirs)) => mine.event > theirs.event,
                }
    }

    /// Whether this opt-out of every sender holds in the place of a statement towards one: unless that is later.
    pub(crate) fn covers(&self, one: &Self) -> bool {
        self.at_ms >= one.at_ms
    }
}

/// The sender of a statement about all of a tenant's senders. Nothing is keyed to this name.
#[must_use]
pub fn every_sender() -> Fingerprint {
    Fingerprint::from_bytes([0; 16])
}

/// What stands of a statement towards one sender and one towards every sender, which counts where it opts out.
pub(crate) fn standing(one: Option<ConsentChange>, every: Option<ConsentChange>) -> Option<ConsentChange> {
    let every = every.filter(|every| every.consent == Consent::Out);
    match (one, every) {
        (Some(one), Some(every)) => Some(if every.covers(&one) { every } else { one }),
        (one, every) => one.or(every),
    }
}

/// Leaves what an opt-out of every sender does not cover, and that itself.
pub(crate) fn drop_covered(registers: &mut Vec<(Fingerprint, ConsentChange)>) {
    let every = every_sender();
    let all = registers.iter().find(|(sender, _)| *sender == every).map(|(_, change)| change.clone());
    if let Some(all) = all.filter(|all| all.consent == Consent::Out) {
        registers.retain(|(sender, change)| *sender == every || !all.covers(change));
    }
}

/// Which part of the list of phones this one is in: by the first six bits of its name.
pub(crate) fn consent_shard(phone: &Fingerprint) -> u8 {
    const ALPHABET: &[u8; CONSENT_SHARDS as usize] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let first = phone.as_str().as_bytes().first();
    let place = ALPHABET.iter().position(|letter| Some(letter) == first).unwrap_or_default();
    u8::try_from(place).unwrap_or_default()
}
