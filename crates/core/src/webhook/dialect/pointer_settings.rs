//! What configuration states of a generic payload, and why it may be refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::DeliveryStatus;

/// What configuration states of a generic payload. All pointers are absent unless set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PointerSettings {
    /// The field that says what kind of payload it is. Without it, every payload is of one kind: a reply where
    /// `text` is set, a delivery report where `status` or `status_code` is, else something other.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Values of the type that are replies; upper and lower case are alike.
    pub reply_types: Vec<String>,
    /// Values of the type that are delivery reports.
    pub report_types: Vec<String>,
    /// Values of the type that are neither and are handed to handlers as they are.
    pub other_types: Vec<String>,
    /// The message id; it makes a second delivery the same event.
    pub message_id: Option<String>,
    /// Sender of a reply.
    pub from: Option<String>,
    /// The number or short code that a reply was sent to.
    pub to: Option<String>,
    /// Text of a reply.
    pub text: Option<String>,
    /// Our reference, where it is echoed.
    pub reference: Option<String>,
    /// The payload's own time: seconds or milliseconds since the Unix epoch, or RFC 3339.
    pub timestamp: Option<String>,
    /// Status word of a delivery report.
    pub status: Option<String>,
    /// Status code of a delivery report.
    pub status_code: Option<String>,
    /// What words and codes mean, beside the common words.
    pub statuses: BTreeMap<DeliveryStatus, Vec<String>>,
    /// The gateway whose message ids the reports carry; absent: the endpoint's name, so that a relay speaks for
    /// nobody's messages unless it is told to.
    pub gateway: Option<String>,
}

impl PointerSettings {
    /// Every pointer with its key in the configuration.
    pub(super) fn named(&self) -> [(&'static str, Option<&str>); 9] {
        [
            ("type", &self.kind),
            ("message_id", &self.message_id),
            ("from", &self.from),
            ("to", &self.to),
            ("text", &self.text),
            ("reference", &self.reference),
            ("timestamp", &self.timestamp),
            ("status", &self.status),
            ("status_code", &self.status_code),
        ]
        .map(|(name, pointer)| (name, pointer.as_deref()))
    }
}

/// Why pointers cannot be used. Names keys of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerError {
    /// Another dialect knows where its fields are.
    #[error("only the generic dialect has pointers")]
    NotGeneric,
    /// Not a pointer to a field.
    #[error(
        "`{0}` is no JSON pointer to a field (RFC 6901): at most 256 bytes, begins with /, and has ~ only in ~0 and ~1"
    )]
    Malformed(&'static str),
    /// Types are told apart, but not where they stand; or the reverse.
    #[error("`type` and at least one of reply_types, report_types and other_types belong together")]
    Types,
    /// Nothing says which payloads are replies and which are reports.
    #[error("`text` and `status` or `status_code` are both set: only a `type` can tell replies from reports")]
    Ambiguous,
    /// A kind cannot be read without this field.
    #[error("{kind} need a pointer `{name}`")]
    Missing {
        /// Replies or delivery reports.
        kind: &'static str,
        /// The key of the configuration.
        name: &'static str,
    },
    /// A word in two places would mean two things.
    #[error("`{0}` has an entry that is empty, longer than 64 bytes, or there twice")]
    Words(&'static str),
    /// The name would not fit the names of the other gateways.
    #[error("`gateway` is 1 to 32 characters of a-z, 0-9 and -")]
    Gateway,
}
