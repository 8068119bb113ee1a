//! What makes two webhooks the same event, and the name that follows from it.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Content;

/// An event's name for life: `evt_` and 128 bits of SHA-256 over its identity, in hex.
///
/// It never changes over retry, healing or redrive; a stream id is only a position.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(String);

impl EventId {
    /// Names the event with this identity.
    #[must_use]
    pub fn of(identity: &Identity) -> Self {
        Self::from_digest(Sha256::new_with_prefix(identity.canonical()))
    }

    /// Names an event whose identity is taken by other content (a conflict).
    #[must_use]
    pub fn of_conflict(identity: &Identity, content: &ContentDigest) -> Self {
        Self::from_digest(Sha256::new_with_prefix(identity.canonical()).chain_update(content.0))
    }

    /// The 36 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_digest(digest: Sha256) -> Self {
        Self(format!("evt_{}", HEXLOWER.encode(&digest.finalize()[..16])))
    }
}

impl TryFrom<String> for EventId {
    type Error = MalformedEventId;

    fn try_from(text: String) -> Result<Self, MalformedEventId> {
        let hex = text.strip_prefix("evt_").ok_or(MalformedEventId)?;
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() == 32 && hex.bytes().all(lower_hex) { Ok(Self(text)) } else { Err(MalformedEventId) }
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not `evt_` and 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event id is evt_ and 32 lower-case hex digits")]
pub struct MalformedEventId;

/// What makes two webhooks the same event. Values are normalised before they come here: `SMS` is `mo`,
/// a number is its decimal string. Nothing in it comes from an unsigned header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The gateway gave the message an id.
    Message {
        /// Name of the endpoint that received it.
        endpoint: String,
        /// `reply`, `delivery` or `other`.
        kind: &'static str,
        /// The gateway's message id.
        message_id: String,
        /// Status code of a delivery report: one message can have several reports.
        status_code: Option<String>,
        /// The payload's own timestamp, as it was written.
        timestamp: Option<String>,
    },
    /// No message id: a digest of the raw body.
    Body {
        /// Name of the endpoint that received it.
        endpoint: String,
        /// SHA-256 of the raw body.
        digest: [u8; 32],
    },
}

impl Identity {
    /// The identity of a body without a message id.
    #[must_use]
    pub fn of_body(endpoint: &str, body: &[u8]) -> Self {
        Self::Body { endpoint: endpoint.to_owned(), digest: Sha256::digest(body).into() }
    }

    /// Where the event is stored, before it is taken modulo the number of shards: a digest of the endpoint and the
    /// message id, so that all that is said of one message is in one shard; of the body where there is no id.
    #[must_use]
    pub fn placement(&self) -> u64 {
        let named = match self {
            Self::Message { endpoint, message_id, .. } => {
                canonical(&[Some(endpoint.as_bytes()), Some(message_id.as_bytes())])
            }
            Self::Body { endpoint, digest } => canonical(&[Some(endpoint.as_bytes()), Some(digest)]),
        };
        let digest = Sha256::digest(named);
        u64::from_be_bytes(std::array::from_fn(|i| digest[i]))
    }

    fn canonical(&self) -> Vec<u8> {
        match self {
            Self::Message { endpoint, kind, message_id, status_code, timestamp } => canonical(&[
                Some(b"message"),
                Some(endpoint.as_bytes()),
                Some(kind.as_bytes()),
                Some(message_id.as_bytes()),
                status_code.as_ref().map(String::as_bytes),
                timestamp.as_ref().map(String::as_bytes),
            ]),
            Self::Body { endpoint, digest } => {
                canonical(&[Some(b"body"), Some(endpoint.as_bytes()), Some(digest)])
            }
        }
    }
}

/// Length-prefixed fields, so that no two lists share a byte string.
fn canonical(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for field in fields {
        match field {
            Some(value) => {
                bytes.extend_from_slice(&(value.len() as u64 + 1).to_be_bytes());
                bytes.extend_from_slice(value);
            }
            None => bytes.extend_from_slice(&0u64.to_be_bytes()),
        }
    }
    bytes
}

/// A digest of the parsed fields: tells a repeat from other content under the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentDigest(pub [u8; 8]);

impl ContentDigest {
    /// Digests what the event says; the receive time is not part of it.
    #[must_use]
    pub fn of(content: &Content) -> Self {
        // Serialising our own type cannot fail; an empty digest would only ever report a repeat.
        let json = serde_json::to_vec(content).unwrap_or_default();
        let digest = Sha256::digest(&json);
        Self(std::array::from_fn(|i| digest[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(kind: &'static str, id: &str, code: Option<&str>) -> Identity {
        Identity::Message {
            endpoint: "websms".into(),
            kind,
            message_id: id.into(),
            status_code: code.map(str::to_owned),
            timestamp: None,
        }
    }

    #[test]
    fn an_event_id_is_stable_across_releases() {
        let id = EventId::of(&identity("delivery", "MSG123", Some("1")));
        assert_eq!(id.as_str(), "evt_a03bb4425114aa0065c907b758bd4ced");
    }

    #[test]
    fn two_reports_of_one_message_are_two_events() {
        let accepted = EventId::of(&identity("delivery", "MSG123", Some("8")));
        let delivered = EventId::of(&identity("delivery", "MSG123", Some("1")));
        let without = EventId::of(&identity("delivery", "MSG123", None));
        assert_ne!(accepted, delivered);
        assert_ne!(accepted, without);
        assert_ne!(
            EventId::of(&identity("reply", "a", Some(""))),
            EventId::of(&identity("reply", "a", None))
        );
    }

    #[test]
    fn all_that_is_said_of_one_message_is_in_one_place() {
        let place = |kind, id, code| identity(kind, id, code).placement();
        assert_eq!(place("delivery", "MSG123", Some("8")), place("delivery", "MSG123", Some("1")));
        assert_eq!(place("reply", "MSG123", None), place("delivery", "MSG123", None));
        assert_ne!(place("reply", "MSG123", None), place("reply", "MSG124", None));
        assert_ne!(Identity::of_body("a", b"x").placement(), Identity::of_body("b", b"x").placement());
    }

    #[test]
    fn places_are_even_and_stable_across_releases() {
        assert_eq!(identity("reply", "MSG123", None).placement(), 13_756_623_551_745_386_922);
        let mut counts = [0u32; 8];
        for n in 0..8_000 {
            counts[(identity("reply", &format!("m{n}"), None).placement() % 8) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn only_well_formed_ids_are_read_back() {
        let id = EventId::of(&Identity::of_body("mac", b"x"));
        assert_eq!(EventId::try_from(id.as_str().to_owned()), Ok(id));
        for bad in
            ["", "evt_", "evt_ABCDEF00112233445566778899aabbcc", "msg_00112233445566778899aabbccddeeff"]
        {
            assert_eq!(EventId::try_from(bad.to_owned()), Err(MalformedEventId), "{bad}");
        }
    }
}
