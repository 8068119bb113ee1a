//! The whole key schema on one screen. No other file knows how a key is written.
//!
//! Everything that one script touches shares one `{…}` hash tag, so the scripts run on Redis Cluster.
//! `{e<n>}` is shard `n` of the events, from 0.
//! `{p}` is the 22-character keyed fingerprint of tenant and phone; other names in braces are keyed too.
//!
//! | key after the prefix | type | what | lifetime |
//! |---|---|---|---|
//! | `{p}:c:<purpose>[:<session>]` | string | a code's record, see `lua/reserve.lua` | the code's lifetime, or the used code's tombstone |
//! | `{p}:w` | string | sends of this phone and the names of its other keys, see `lua/send_times.lua` | longest window, wait, quiet time or key named |
//! | `{p}:f` | hash | wrong guesses in a row by purpose, see `lua/failures.lua` | none: the lock must outlast every wait |
//! | `{p}:r` | string | receipts, see `lua/receipts.lua` | a receipt's |
//! | `{p}:m` | string | message ids, see `lua/settle_send.lua` | 8 days |
//! | `{p}:x` | string | when the phone was erased, ms | 7 days |
//! | `{p}:o` | hash | consent registers by sender, see `lua/consent.lua` | none: an opt-out holds until the person opts in |
//! | `{p}:h` | hash | consent ledger: 16 entries for each sender, 1,024 at most | none: evidence, for as long as the opt-out; `erase` removes it |
//! | `{o<0..63>}:op` | set | phones that have registers, for `consent export` | none: as long as the registers |
//! | `{v<tenant>}:v` | hash | review list, see `lua/add_review.lua` | none: at most 1,000, until somebody resolves them |
//! | `{l<subject>}:ls` | string | sends charged to an address or tenant, see `lua/limits.lua` | until they are used up |
//! | `{l<subject>}:lv` | string | failed checks charged to an address | until they are used up |
//! | `{l<subject>}:lp` | string | parts charged to a tenant today | the rest of the day |
//! | `{l<subject>}:lu` | string | unverified sends of an address, prefix or country | two windows |
//! | `{y<pair>}:y:<event id>:<rule>` | string | claim of an automatic reply, see `lua/claim_reply.lua` | 30 days |
//! | `{y<pair>}:yr` | string | times of the automatic replies between two numbers | a day |
//! | `{f<event id>}:fd` | set | destinations that have an event of which something is to be tried again | 30 days |
//! | `{i<name>}:k` | string | idempotency record, see `lua/claim_key.lua` | 24 hours |
//! | `{b<name>}:b` | hash | circuit breaker, see `lua/enter_gateway.lua` | 2 hours after the last news |
//! | `{t<account>}:token` | string | shared bearer token, sealed | the token's own |
//! | `{t<account>}:lease` | string | who renews it | 20 s |
//! | `{t<account>}:block` | string | why nobody may ask for one now | at most 375 s |
//! | `{m<0..255>}:d:<gateway>:<id>` | hash | delivery record of one message | 8 days |
//! | `{m<0..255>}:n:<yyyymmdd>` | hash | delivery and conversion counters of one day | 35 days |
//! | `{e<n>}:s` | stream | events for the workers | none: entries are deleted when settled |
//! | `{e<n>}:q` | stream | quarantine | none: entries go after 30 days, see `lua/drop_expired.lua` |
//! | `{e<n>}:due` | sorted set | when delayed events are due, ms | none: a member goes when its event is back on the stream |
//! | `{e<n>}:delayed` | hash | the delayed events, see `lua/delay_event.lua` | none: likewise |
//! | `{e<n>}:dead` | stream | dead letters, see `lua/bury_event.lua` | none: entries go after 30 days, see `lua/drop_expired.lua` |
//! | `{e<n>}:i:<event id>` | string | identity mark, see `lua/publish.lua` | 7 days |
//! | `{e0}:shards` | string | how many shards there are, see `lua/agree.lua` | none: as old as the events |

use std::time::Duration;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::{
    event::EventId,
    secret::Fingerprint,
    store::{
        CodeKey, ERASURE_KEPT, IDEMPOTENCY_KEPT, Limit, MessageKey, Queue, REPLY_KEPT, ReplyKey, TokenKey,
        breakers::BREAKER_KEPT,
        deliveries::{COUNTERS_KEPT, DELIVERY_KEPT},
        events::MARK_KEPT,
        forwarded::FORWARDED_KEPT,
        phones::MESSAGES_KEPT,
        replies,
    },
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
    unbounded(
        ":f",
        "ends only by a right code, `unlock` or `erase`; exists only after a send, so the send limits bound it",
    ),
    bounded(":r", Duration::from_secs(600)),
    bounded(":m", MESSAGES_KEPT),
    bounded(":x", ERASURE_KEPT),
    // The longest period that a rate limit can have, all of it charged at once.
    bounded(":ls", Duration::from_secs(7 * 86_400)),
    bounded(":lv", Duration::from_secs(7 * 86_400)),
    bounded(":lp", Duration::from_secs(86_400)),
    bounded(":lu", Duration::from_secs(2 * 86_400)),
    bounded(":y:", REPLY_KEPT),
    bounded(":yr", replies::DAY),
    bounded(":fd", FORWARDED_KEPT),
    bounded(":k", IDEMPOTENCY_KEPT),
    bounded(":b", BREAKER_KEPT),
    unbounded(":o", "an opt-out holds until the person opts in again"),
    unbounded(
        ":h",
        "evidence of an opt-out is kept as long as that; at most 16 entries for each of 64 senders",
    ),
    unbounded(":op", "a phone is listed as long as it has a register"),
    unbounded(":v", "at most 1,000 entries, each until somebody resolves it: a request must not run out"),
    bounded(":token", Duration::from_secs(30 * 86_400)),
    bounded(":lease", Duration::from_secs(20)),
    bounded(":block", Duration::from_secs(375)),
    bounded(":d:", DELIVERY_KEPT),
    bounded(":n:", COUNTERS_KEPT),
    unbounded(":s", "entries are deleted when they are settled; the stream keeps its consumer group"),
    unbounded(":q", "entries go after 30 days, see `lua/drop_expired.lua`"),
    unbounded(
        ":due",
        "a member goes when its event is back on the stream, at most five minutes after it came",
    ),
    unbounded(":delayed", "a field goes together with its due time"),
    unbounded(":dead", "entries go after 30 days, see `lua/drop_expired.lua`"),
    bounded(":i:", MARK_KEPT),
    unbounded(":shards", "one number, as old as the events; an operator rewrites it"),
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
        let phone = key.phone.as_str();
        match &key.session {
            None => [&self.0, "{", phone, "}:c:", key.purpose.as_str()].concat(),
            Some(session) => {
                [&self.0, "{", phone, "}:c:", key.purpose.as_str(), ":", session.as_str()].concat()
            }
        }
    }

    /// A code by the name that the index of its phone has for it.
    pub(super) fn code_named(&self, phone: &Fingerprint, name: &str) -> String {
        [&self.0, "{", phone.as_str(), "}:c:", name].concat()
    }

    pub(super) fn sends(&self, phone: &Fingerprint) -> String {
        self.of_phone(phone, "w")
    }

    pub(super) fn failures(&self, phone: &Fingerprint) -> String {
        self.of_phone(phone, "f")
    }

    pub(super) fn receipts(&self, phone: &Fingerprint) -> String {
        self.of_phone(phone, "r")
    }

    pub(super) fn messages(&self, phone: &Fingerprint) -> String {
        self.of_phone(phone, "m")
    }

    pub(super) fn erasure(&self, phone: &Fingerprint) -> String {
        self.of_phone(phone, "x")
    }

    fn of_phone(&self, phone: &Fingerprint, kind: &str) -> String {
        [&self.0, "{", phone.as_str(), "}:", kind].concat()
    }

    pub(super) fn limit(&self, subject: &Fingerprint, limit: &Limit) -> String {
        let kind = match limit {
            Limit::Sends(_) => "ls",
            Limit::FailedChecks(_) => "lv",
            Limit::Parts { .. } => "lp",
            Limit::Unverified { .. } => return self.unverified(subject),
        };
        [&self.0, "{l", subject.as_str(), "}:", kind].concat()
    }

    pub(super) fn unverified(&self, subject: &Fingerprint) -> String {
        [&self.0, "{l", subject.as_str(), "}:lu"].concat()
    }

    pub(super) fn idempotency(&self, name: &str) -> String {
        [&self.0, "{i", name, "}:k"].concat()
    }

    pub(super) fn reply_claim(&self, reply: &ReplyKey) -> String {
        [&self.0, "{y", reply.pair.as_str(), "}:y:", reply.event.as_str(), ":", &reply.rule].concat()
    }

    pub(super) fn recent_replies(&self, pair: &Fingerprint) -> String {
        [&self.0, "{y", pair.as_str(), "}:yr"].concat()
    }

    pub(super) fn forwarded(&self, event: &EventId) -> String {
        [&self.0, "{f", event.as_str(), "}:fd"].concat()
    }

    pub(super) fn breaker(&self, gateway: &Fingerprint) -> String {
        [&self.0, "{b", gateway.as_str(), "}:b"].concat()
    }

    pub(super) fn consents(&self, phone: &Fingerprint) -> String {
        self.of_phone(phone, "o")
    }

    pub(super) fn consent_ledger(&self, phone: &Fingerprint) -> String {
        self.of_phone(phone, "h")
    }

    pub(super) fn consent_phones(&self, shard: u8) -> String {
        format!("{}{{o{shard}}}:op", self.0)
    }

    pub(super) fn reviews(&self, tenant: &Fingerprint) -> String {
        format!("{}{{v{}}}:v", self.0, tenant.as_str())
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

    pub(super) fn counters(&self, tag: u8, day: Date) -> String {
        format!("{}{{m{tag}}}:n:{}", self.0, day.strftime("%Y%m%d"))
    }

    pub(super) fn all_counters(&self, day: Date) -> impl Iterator<Item = String> {
        (0..=255).map(move |tag| self.counters(tag, day))
    }

    pub(super) fn queue(&self, shard: u16, queue: Queue) -> String {
        self.of_shard(shard, if queue == Queue::Events { "s" } else { "q" })
    }

    pub(super) fn due(&self, shard: u16) -> String {
        self.of_shard(shard, "due")
    }

    pub(super) fn delayed(&self, shard: u16) -> String {
        self.of_shard(shard, "delayed")
    }

    pub(super) fn dead_letters(&self, shard: u16) -> String {
        self.of_shard(shard, "dead")
    }

    pub(super) fn mark(&self, shard: u16, event_id: &str) -> String {
        format!("{}{{e{shard}}}:i:{event_id}", self.0)
    }

    /// Beside the first shard, which there always is.
    pub(super) fn shards(&self) -> String {
        self.of_shard(0, "shards")
    }

    fn of_shard(&self, shard: u16, kind: &str) -> String {
        format!("{}{{e{shard}}}:{kind}", self.0)
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
