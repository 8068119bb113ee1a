//! The whole key schema on one screen. No other file knows how a key is written.
//!
//! Everything that one script touches shares one `{…}` hash tag, so the scripts run on Redis Cluster.
//! `{p}` is the 22-character keyed fingerprint of tenant and phone.
//!
//! | key after the prefix | type | what | lifetime |
//! |---|---|---|---|
//! | `{p}:c:<purpose>` | string | a code's record, see `lua/reserve.lua` | the code's lifetime, or the used code's tombstone |
//! | `{p}:w` | string | sends of this phone, see `lua/send_times.lua` | longest window, wait or quiet time |
//! | `{p}:o:<sender>` | hash | consent register | none: an opt-out holds until the person opts in |
//! | `{t<account>}:token` | string | shared bearer token, sealed | the token's own |
//! | `{t<account>}:lease` | string | who renews it | 20 s |
//! | `{t<account>}:block` | string | why nobody may ask for one now | at most 375 s |
//! | `{m<0..255>}:d:<gateway>:<id>` | hash | delivery record of one message | 8 days |
//! | `{m<0..255>}:n:<yyyymmdd>` | hash | delivery counters of one day | 35 days |
//! | `{e0}:s` | stream | events for the workers | none: entries are deleted when settled |
//! | `{e0}:q` | stream | quarantine | none: entries older than 30 days go when the next one comes |
//! | `{e0}:i:<event id>` | string | identity mark, see `lua/publish.lua` | 7 days |

use std::time::Duration;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::store::{
    CodeKey, ConsentRegister, MessageKey, Queue, TokenKey,
    deliveries::{COUNTERS_KEPT, DELIVERY_KEPT},
    events::MARK_KEPT,
};

/// How long the keys of one kind live: what a test holds every key of a store against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The part of the key behind its hash tag, up to the first variable part.
    pub kind: &'static str,
    /// The longest time to live a key of this kind may have, or none.
    pub at_most: Option<Duration>,
    /// Why, where there is no limit.
    pub reason: &'static str,
}

/// The lifetimes of all kinds of keys.
pub const LIFETIMES: &[Lifetime] = &[
    bounded(":c:", Duration::from_secs(600)),
    // The longest send window that a policy can have.
    bounded(":w", Duration::from_secs(7 * 86_400)),
    unbounded(":o:", "an opt-out holds until the person opts in again"),
    bounded(":token", Duration::from_secs(30 * 86_400)),
    bounded(":lease", Duration::from_secs(20)),
    bounded(":block", Duration::from_secs(375)),
    bounded(":d:", DELIVERY_KEPT),
    bounded(":n:", COUNTERS_KEPT),
    unbounded(":s", "entries are deleted when they are settled; the stream keeps its consumer group"),
    unbounded(":q", "entries older than 30 days are trimmed when the next one comes"),
    bounded(":i:", MARK_KEPT),
];

const fn bounded(kind: &'static str, at_most: Duration) -> Lifetime {
    Lifetime { kind, at_most: Some(at_most), reason: "" }
}

const fn unbounded(kind: &'static str, reason: &'static str) -> Lifetime {
    Lifetime { kind, at_most: None, reason }
}

/// What every key starts with: `tp1:` unless configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl Default for KeyPrefix {
    fn default() -> Self {
        Self("tp1:".into())
    }
}

impl KeyPrefix {
    /// Takes 1 to 32 characters of `A-Z`, `a-z`, `0-9`, `_`, `-`, `.` and `:`.
    ///
    /// # Errors
    /// [`InvalidPrefix`]; a brace, above all, would move the hash tag.
    pub fn new(prefix: impl Into<String>) -> Result<Self, InvalidPrefix> {
        let prefix = prefix.into();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        if (1..=32).contains(&prefix.len()) && prefix.bytes().all(allowed) {
            Ok(Self(prefix))
        } else {
            Err(InvalidPrefix)
        }
    }

    pub(super) fn code(&self, key: &CodeKey) -> String {
        [&self.0, "{", key.phone.as_str(), "}:c:", key.purpose.as_str()].concat()
    }

    pub(super) fn sends(&self, key: &CodeKey) -> String {
        [&self.0, "{", key.phone.as_str(), "}:w"].concat()
    }

    pub(super) fn consent(&self, register: &ConsentRegister) -> String {
        format!("{}{{{}}}:o:{}", self.0, register.phone.as_str(), register.sender.as_str())
    }

    pub(super) fn token(&self, key: &TokenKey) -> [String; 3] {
        ["token", "lease", "block"].map(|part| format!("{}{{t{}}}:{part}", self.0, key.0.as_str()))
    }

    pub(super) fn delivery(&self, key: &MessageKey) -> String {
        let digest = Sha256::new().chain_update(&key.gateway).chain_update([0]).chain_update(&key.message_id);
        let tag = digest.finalize()[0];
        format!("{}{{m{tag}}}:d:{}:{}", self.0, key.gateway, key.message_id)
    }

    /// The counters beside a delivery record: same tag, so that one script reaches both.
    pub(super) fn counters_of(&self, delivery_key: &str, day: Date) -> String {
        let end = delivery_key.find('}').unwrap_or(delivery_key.len() - 1);
        format!("{}:n:{}", &delivery_key[..=end], day.strftime("%Y%m%d"))
    }

    pub(super) fn all_counters(&self, day: Date) -> impl Iterator<Item = String> {
        (0..256).map(move |tag| format!("{}{{m{tag}}}:n:{}", self.0, day.strftime("%Y%m%d")))
    }

    pub(super) fn queue(&self, queue: Queue) -> String {
        match queue {
            Queue::Events => format!("{}{{e0}}:s", self.0),
            Queue::Quarantine => format!("{}{{e0}}:q", self.0),
        }
    }

    pub(super) fn mark(&self, event_id: &str) -> String {
        format!("{}{{e0}}:i:{event_id}", self.0)
    }
}

/// The key prefix has other characters or another length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key prefix is 1 to 32 characters of A-Z, a-z, 0-9, `_`, `-`, `.` and `:`")]
pub struct InvalidPrefix;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_cannot_move_the_hash_tag() {
        for bad in ["", "a{b}", "a b", &"x".repeat(33)] {
            assert_eq!(KeyPrefix::new(bad), Err(InvalidPrefix), "{bad:?}");
        }
    }

    #[test]
    fn counters_share_the_tag_of_their_record() {
        let keys = KeyPrefix::default();
        let record = keys.delivery(&MessageKey { gateway: "connexus".into(), message_id: "a}b{c".into() });
        let counters = keys.counters_of(&record, jiff::civil::date(2026, 11, 23));
        let tag = |key: &str| key[key.find('{').unwrap()..=key.find('}').unwrap()].to_owned();
        assert_eq!(tag(&record), tag(&counters));
        assert!(counters.ends_with(":n:20261123"), "{counters}");
    }
}
