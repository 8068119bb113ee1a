//! Events: the words that the ingest and the workers share, versioned on the wire.

mod identity;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use identity::{ContentDigest, EventId, Identity, MalformedEventId};

/// A verified webhook, understood.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its name for life.
    pub id: EventId,
    /// Name of the endpoint that received it.
    pub endpoint: String,
    /// Tenant that the endpoint belongs to.
    pub tenant: String,
    /// Receive time in milliseconds since the Unix epoch, by the clock of the host that received it.
    pub received_at_ms: u64,
    /// True when another event has the same identity but other content.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
    /// What it says.
    pub content: Content,
}

/// What an event says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Content {
    /// A text that a person sent (a mobile-originated message, MO).
    Reply(Reply),
    /// What became of a text that was sent (a delivery report, DLR).
    DeliveryReport(DeliveryReport),
    /// Neither: kept for handlers as it is.
    Other(Other),
}

/// A text that a person sent to one of our numbers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The gateway's message id, where it gives one.
    pub message_id: Option<String>,
    /// Sender: E.164 with `+` where it is a phone number, else as the gateway wrote it.
    pub from: String,
    /// The number or short code it was sent to.
    pub to: String,
    /// The text.
    pub text: String,
    /// Our reference, where the gateway echoes it.
    pub reference: Option<String>,
    /// The gateway's own time in milliseconds since the Unix epoch.
    pub sent_at_ms: Option<u64>,
    /// Fields of the payload that this version has no name for.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// What became of a text that was sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// The gateway whose message id this is (`connexus`, `mobile-api-connect`).
    pub gateway: String,
    /// The gateway's message id.
    pub message_id: String,
    /// What the report says, normalised.
    pub status: DeliveryStatus,
    /// The status word as the gateway wrote it.
    pub status_word: Option<String>,
    /// The status code as the gateway wrote it.
    pub status_code: Option<i64>,
    /// The gateway's own time in milliseconds since the Unix epoch.
    pub reported_at_ms: Option<u64>,
    /// Fields of the payload that this version has no name for.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A payload that is neither a reply nor a report. Workers settle it; what it means is a handler's to say.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// The message id, where one is pointed at.
    pub message_id: Option<String>,
    /// The payload's own time in milliseconds since the Unix epoch.
    pub sent_at_ms: Option<u64>,
    /// The whole payload, its keys sorted.
    pub payload: serde_json::Map<String, serde_json::Value>,
}

/// Delivery status as a rank that only moves up, so that reports may come in any order and any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum DeliveryStatus {
    /// Not understood: kept, never final.
    Unknown = 0,
    /// The network took it.
    Accepted = 1,
    /// Not delivered in time.
    Expired = 2,
    /// Could not be delivered.
    Undelivered = 3,
    /// Refused by the network.
    Rejected = 4,
    /// Blocked by the network or the gateway.
    Blocked = 5,
    /// The phone has it.
    Delivered = 6,
}

impl DeliveryStatus {
    /// All, lowest rank first.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Accepted,
        Self::Expired,
        Self::Undelivered,
        Self::Rejected,
        Self::Blocked,
        Self::Delivered,
    ];

    /// The rank, 0 to 6.
    #[must_use]
    pub fn rank(self) -> u8 {
        self as u8
    }

    /// The status with this rank; anything above 6 is unknown.
    #[must_use]
    pub fn from_rank(rank: u8) -> Self {
        Self::ALL.get(usize::from(rank)).copied().unwrap_or(Self::Unknown)
    }
}

// What a person wrote and who wrote it stay out of logs: shown are only names, kinds and ids.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .field("conflict", &self.conflict)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => {
                f.debug_struct("Reply").field("message_id", &reply.message_id).finish_non_exhaustive()
            }
            Self::DeliveryReport(report) => f
                .debug_struct("DeliveryReport")
                .field("message_id", &report.message_id)
                .field("status", &report.status)
                .finish_non_exhaustive(),
            Self::Other(other) => {
                f.debug_struct("Other").field("message_id", &other.message_id).finish_non_exhaustive()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_read_back_and_unknown_ranks_are_unknown() {
        for status in DeliveryStatus::ALL {
            assert_eq!(DeliveryStatus::from_rank(status.rank()), status);
        }
        assert_eq!(DeliveryStatus::from_rank(7), DeliveryStatus::Unknown);
    }

    #[test]
    fn debug_output_has_no_text_and_no_number() {
        let event = Event {
            id: EventId::of(&Identity::of_body("mac", b"x")),
            endpoint: "mac".into(),
            tenant: "default".into(),
            received_at_ms: 1,
            conflict: false,
            content: Content::Reply(Reply {
                message_id: None,
                from: "+64211234567".into(),
                to: "552".into(),
                text: "canary".into(),
                reference: None,
                sent_at_ms: None,
                extra: serde_json::Map::new(),
            }),
        };
        let payload = serde_json::json!({ "text": "canary" });
        let payload = payload.as_object().cloned().unwrap_or_default();
        let other = Content::Other(Other { message_id: None, sent_at_ms: None, payload });
        let shown = format!("{event:?} {other:?}");
        assert!(!shown.contains("canary") && !shown.contains("64211234567"), "{shown}");
    }
}
