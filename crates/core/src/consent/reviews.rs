//! Texts that somebody has to read: `please stop texting me`.

use std::fmt;

use super::{ConsentLedger, Statement};
use crate::{
    event::EventId,
    store::{Consent, ConsentChange, ConsentRecorded, LedgerEntry, LedgerKind, Review, StoreError},
};

/// A text on the review list.
#[derive(Clone)]
pub struct Waiting {
    /// What was said; none when another fingerprint key sealed it.
    pub said: Option<Statement>,
    review: Review,
}

/// What somebody who has read a text says that it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The person opts out.
    Out,
    /// The person opts in.
    In,
    /// It is not about consent.
    Ignore,
}

/// What came of resolving a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The register says so now.
    Changed,
    /// The register stays as it is: it was ignored, or the person has said something later.
    Stands,
    /// It opts in, and the phone has statements towards as many senders as there may be; the text stays on the list.
    Full,
}

impl Waiting {
    /// The event that brought it: its name on the list.
    #[must_use]
    pub fn event(&self) -> &EventId {
        &self.review.evidence.event
    }

    /// When it was said, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.review.at_ms
    }
}

impl ConsentLedger {
    /// The review list of a tenant, the oldest text first.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn reviews(&self, tenant: &str) -> Result<Vec<Waiting>, StoreError> {
        let reviews = self.store.reviews(&self.review_list(tenant)).await?;
        let opened = |review: Review| {
            let said = Statement::open(&self.fingerprint_key, &review.register, &review.evidence);
            Waiting { said, review }
        };
        Ok(reviews.into_iter().map(opened).collect())
    }

    /// Says what a text means, as of the time when it was sent: what the person has said since stands. `now_ms` is
    /// the time of whoever has read it.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; resolving it again is safe.
    pub async fn resolve(
        &self,
        tenant: &str,
        waiting: &Waiting,
        resolution: Resolution,
        now_ms: u64,
    ) -> Result<Resolved, StoreError> {
        let Review { register, at_ms, evidence } = waiting.review.clone();
        // What was said before an erasure leaves no evidence behind it, whenever it is read.
        let received_ms = at_ms.min(now_ms);
        let consent = match resolution {
            Resolution::Out => Some(Consent::Out),
            Resolution::In => Some(Consent::In),
            Resolution::Ignore => None,
        };
        let resolved = match consent {
            Some(consent) => {
                let change = ConsentChange { consent, at_ms, evidence: Some(evidence) };
                match self.store.record_consent(&register, &change, received_ms).await? {
                    ConsentRecorded::Changed | ConsentRecorded::OutOfAll => Resolved::Changed,
                    ConsentRecorded::Stands => Resolved::Stands,
                    ConsentRecorded::Full => return Ok(Resolved::Full),
                }
            }
            None => {
                let entry = LedgerEntry {
                    sender: register.sender.clone(),
                    kind: LedgerKind::Ignored,
                    at_ms,
                    evidence,
                };
                self.store.note_consent(&register.phone, &entry, received_ms).await?;
                Resolved::Stands
            }
        };
        // Off the list last: what is cut off here is resolved again, to the same end.
        self.store.remove_review(&self.review_list(tenant), &waiting.review).await?;
        Ok(resolved)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("event", self.event()).finish_non_exhaustive()
    }
}
