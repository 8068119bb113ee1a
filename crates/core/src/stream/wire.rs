//! The wire form of events, with a version: workers of the next release read what this one wrote.

use serde::{Deserialize, Serialize};

use crate::{
    event::{Content, Event, EventId},
    store::{DeadLetter, Entry},
};

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Envelope<'a> {
    v: u32,
    endpoint: &'a str,
    tenant: &'a str,
    received_at_ms: u64,
    content: &'a Content,
}

#[derive(Deserialize)]
struct OwnedEnvelope {
    v: u32,
    endpoint: String,
    tenant: String,
    received_at_ms: u64,
    content: Content,
}

#[derive(Serialize)]
struct Quarantined<'a> {
    v: u32,
    #[serde(flatten)]
    note: &'a Note,
}

/// The envelope has another version, or is none. Never contains what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("the entry has wire version {0}; this worker reads version {VERSION}")]
    Version(u32),
    #[error("the entry is not an event (line {line}, column {column})")]
    Malformed { line: usize, column: usize },
    #[error("the entry is of a kind that this worker does not know")]
    Kind,
    #[error("the entry has no event id")]
    NoId,
}

#[expect(clippy::expect_used, reason = "our own types have string keys only, so they serialise")]
pub(super) fn encode(event: &Event) -> String {
    serde_json::to_string(&Envelope {
        v: VERSION,
        endpoint: &event.endpoint,
        tenant: &event.tenant,
        received_at_ms: event.received_at_ms,
        content: &event.content,
    })
    .expect("an event serialises")
}

#[expect(clippy::expect_used, reason = "our own types have string keys only, so they serialise")]
pub(super) fn encode_quarantined(note: &Note) -> String {
    serde_json::to_string(&Quarantined { v: VERSION, note }).expect("a quarantine note serialises")
}

/// The note that a quarantined body is kept with.
#[derive(Serialize, Deserialize, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) endpoint: String,
    pub(super) reason: String,
    pub(super) received_at_ms: u64,
    /// The id that was signed beside the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<String>,
}

impl Note {
    /// What stands for a note that another version wrote: the bytes are there all the same.
    pub(super) fn unreadable() -> Self {
        let reason = "unreadable_note".to_owned();
        Self { endpoint: String::new(), reason, received_at_ms: 0, message_id: None }
    }
}

pub(super) fn decode_quarantined(envelope: &str) -> Result<Note, WireError> {
    check_version(envelope)?;
    serde_json::from_str(envelope).map_err(|error| malformed(&error))
}

pub(super) fn decode(entry: &Entry) -> Result<Event, WireError> {
    let id = EventId::try_from(entry.id.clone()).map_err(|_| WireError::NoId)?;
    Ok(Event { conflict: entry.conflict, ..decode_envelope(&entry.envelope, &id)? })
}

/// The event of an envelope; whether it is a conflict does not stand in there.
pub(super) fn decode_envelope(envelope: &str, id: &EventId) -> Result<Event, WireError> {
    check_version(envelope)?;
    let envelope: OwnedEnvelope = serde_json::from_str(envelope)
        .map_err(|error| if is_of_unknown_kind(envelope) { WireError::Kind } else { malformed(&error) })?;
    debug_assert_eq!(envelope.v, VERSION);
    Ok(Event {
        id: id.clone(),
        endpoint: envelope.endpoint,
        tenant: envelope.tenant,
        received_at_ms: envelope.received_at_ms,
        conflict: false,
        content: envelope.content,
    })
}

/// Name of the endpoint that received a dead letter; none when this version cannot read it.
#[must_use]
pub fn endpoint_of(letter: &DeadLetter) -> Option<String> {
    #[derive(Deserialize)]
    struct Addressed {
        endpoint: String,
    }
    serde_json::from_str::<Addressed>(&letter.envelope).ok().map(|addressed| addressed.endpoint)
}

fn check_version(envelope: &str) -> Result<(), WireError> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    match serde_json::from_str(envelope).map_err(|error| malformed(&error))? {
        Versioned { v: VERSION } => Ok(()),
        Versioned { v } => Err(WireError::Version(v)),
    }
}

fn malformed(error: &serde_json::Error) -> WireError {
    WireError::Malformed { line: error.line(), column: error.column() }
}

/// Kinds of content are added without a new version: the entry stays pending until a worker takes it that
/// knows the kind.
fn is_of_unknown_kind(envelope: &str) -> bool {
    #[derive(Deserialize)]
    struct Typed {
        content: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        kind: String,
    }
    let known = ["reply", "delivery-report", "other"];
    serde_json::from_str::<Typed>(envelope).is_ok_and(|typed| !known.contains(&typed.content.kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{DeliveryReport, DeliveryStatus, Identity, Other},
        store::Claim,
    };

    fn entry(envelope: String) -> Entry {
        Entry {
            id: EventId::of(&Identity::of_body("websms", b"x")).to_string(),
            conflict: true,
            envelope,
            raw: bytes::Bytes::from_static(b"x"),
            failures: crate::store::Failures::default(),
            tried_since_ms: 1,
            claim: Claim { position: "1-0".into(), deliveries: 1 },
        }
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let event = Event {
            id: EventId::of(&Identity::of_body("websms", b"x")),
            endpoint: "websms".into(),
            tenant: "default".into(),
            received_at_ms: 1_700_000_000_000,
            conflict: true,
            content: Content::DeliveryReport(DeliveryReport {
                gateway: "connexus".into(),
                message_id: "MSG123".into(),
                status: DeliveryStatus::Delivered,
                status_word: Some("DELIVRD".into()),
                status_code: Some(1),
                reported_at_ms: None,
                extra: serde_json::Map::new(),
            }),
        };
        assert_eq!(decode(&entry(encode(&event))), Ok(event));
    }

    #[test]
    fn something_other_reads_back_as_it_was_written() {
        let payload = serde_json::json!({ "a": [1, { "b": null }], "kind": "x", "v": 2 });
        let event = Event {
            id: EventId::of(&Identity::of_body("websms", b"x")),
            endpoint: "websms".into(),
            tenant: "default".into(),
            received_at_ms: 1,
            conflict: true,
            content: Content::Other(Other {
                message_id: Some("7".into()),
                sent_at_ms: Some(2),
                payload: payload.as_object().cloned().unwrap_or_default(),
            }),
        };
        assert_eq!(decode(&entry(encode(&event))), Ok(event));
    }

    #[test]
    fn a_note_of_the_quarantine_reads_back_as_it_was_written() {
        for message_id in [None, Some("msg_1".to_owned())] {
            let (endpoint, reason) = ("websms".to_owned(), "too_deep".to_owned());
            let note = Note { endpoint, reason, received_at_ms: 7, message_id };
            assert_eq!(decode_quarantined(&encode_quarantined(&note)), Ok(note));
        }
        assert_eq!(decode_quarantined(r#"{"v":2}"#).err(), Some(WireError::Version(2)));
    }

    #[test]
    fn what_cannot_be_read_says_so_without_its_content() {
        assert_eq!(decode(&entry(r#"{"v":9,"new":true}"#.into())), Err(WireError::Version(9)));
        let newer =
            r#"{"v":1,"endpoint":"a","tenant":"b","received_at_ms":1,"content":{"kind":"canary","x":1}}"#;
        assert_eq!(decode(&entry(newer.into())), Err(WireError::Kind));
        let broken = newer.replace("canary", "reply");
        assert!(matches!(decode(&entry(broken)), Err(WireError::Malformed { .. })));
        let error = decode(&entry(r#"{"v":1,"endpoint":"canary""#.into())).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(decode(&entry(String::new())).is_err());
    }
}
