//! Secrets that end: what an operator must hear before senders are refused.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

use jiff::{SignedDuration, Timestamp};

use super::endpoint::{Endpoint, Held};

/// How long before its end a secret is spoken of, and how recently it must have verified something to be in
/// use: a sender that was quiet for longer has moved on, or will be refused like one that was not configured.
const NOTICE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A secret's use is noted at most this often, so that requests do not write to one place all the time.
const NOTED_EVERY_SECONDS: i64 = 60;

/// When a secret last verified a request; of this process alone, since its start.
pub(super) struct LastUse(AtomicI64);

impl LastUse {
    pub(super) fn never() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Notes a use. Hosts' clocks may step back; the latest time stays.
    pub(super) fn note(&self, now: Timestamp) {
        let (now, noted) = (now.as_second(), self.0.load(Relaxed));
        if now.saturating_sub(noted) >= NOTED_EVERY_SECONDS {
            self.0.fetch_max(now, Relaxed);
        }
    }

    fn get(&self) -> Option<Timestamp> {
        // The beginning of time is no second that a timestamp can hold.
        Timestamp::from_second(self.0.load(Relaxed)).ok()
    }
}

/// Something to do about an endpoint's secrets. `Display` says what, for a log or a readiness page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationNotice {
    /// A secret ends within seven days and verified a request in the last seven: its sender must change.
    InUse {
        /// Id of the secret.
        id: String,
        /// The last moment at which it is accepted.
        ends: Timestamp,
        /// When it last verified a request of this process, to the minute.
        last_used: Timestamp,
    },
    /// Within seven days the last of the secrets ends; in use or not, every request is refused afterwards.
    LastOne {
        /// Id of the secret.
        id: String,
        /// The last moment at which it is accepted.
        ends: Timestamp,
    },
    /// Every secret has ended: every request is refused.
    AllEnded,
}

impl RotationNotice {
    /// The secret that it is about; `None` when it is about all of them.
    #[must_use]
    pub fn secret_id(&self) -> Option<&str> {
        match self {
            Self::InUse { id, .. } | Self::LastOne { id, .. } => Some(id),
            Self::AllEnded => None,
        }
    }
}

impl fmt::Display for RotationNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { id, ends, last_used } => write!(
                f,
                "the secret `{id}` ends at {ends} and is in use, last at {last_used}: \
                 move its sender to a newer one, or extend not_after"
            ),
            Self::LastOne { id, ends } => write!(
                f,
                "the secret `{id}` ends at {ends} and is the last one: add another, \
                 or every webhook is refused afterwards"
            ),
            Self::AllEnded => f.write_str("every secret has ended: every webhook is refused"),
        }
    }
}

/// A secret as far as rotation looks at it.
pub(super) struct Life<'a> {
    id: &'a str,
    not_after: Option<Timestamp>,
    last_use: &'a LastUse,
}

impl<'a, K> From<&'a Held<K>> for Life<'a> {
    fn from(held: &'a Held<K>) -> Self {
        Self { id: &held.id, not_after: held.not_after, last_use: &held.last_use }
    }
}

impl Endpoint {
    /// What an operator should do about the endpoint's secrets at `now`; empty when nothing.
    #[must_use]
    pub fn rotation_notices(&self, now: Timestamp) -> Vec<RotationNotice> {
        let secrets = self.lives();
        let live = || secrets.iter().filter(|secret| secret.not_after.is_none_or(|end| now <= end));
        let soon = |end: &Timestamp| end.duration_since(now) <= NOTICE;
        let last = match live().map(|secret| secret.not_after).collect::<Option<Vec<_>>>() {
            // One has no end.
            None => None,
            Some(ends) => match ends.into_iter().max() {
                Some(end) => Some(end),
                None if secrets.is_empty() => None,
                None => return vec![RotationNotice::AllEnded],
            },
        };
        let notice = |secret: &Life<'_>| {
            let ends = secret.not_after.filter(soon)?;
            let id = secret.id.to_owned();
            if last == Some(ends) {
                return Some(RotationNotice::LastOne { id, ends });
            }
            let last_used = secret.last_use.get()?;
            let in_use = now.duration_since(last_used) <= NOTICE;
            in_use.then_some(RotationNotice::InUse { id, ends, last_used })
        };
        live().filter_map(notice).collect()
    }
}
