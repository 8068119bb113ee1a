//! What is posted to a destination.

use jiff::Timestamp;
use serde::Serialize;

use crate::event::{Content, DeliveryStatus, Event};

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize, Default)]
struct Data<'a> {
    event_id: &'a str,
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "ref")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<DeliveryStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

/// An event as JSON: `{"type", "timestamp", "data"}`, absent fields left out. The same bytes at every attempt.
///
/// `type` is `reply.received`, `delivery.updated`, or `other.received` with the whole `payload`; `timestamp` is when the
/// event was received here (RFC 3339): the only time that is no stranger's word.
#[must_use]
#[expect(clippy::expect_used, reason = "our own types have string keys only, so they serialise")]
pub fn body(event: &Event) -> Vec<u8> {
    let data = Data { event_id: event.id.as_str(), endpoint: &event.endpoint, ..Data::default() };
    let (r#type, data) = match &event.content {
        Content::Reply(reply) => (
            "reply.received",
            Data {
                from: Some(&reply.from),
                to: Some(&reply.to),
                text: Some(&reply.text),
                reference: reply.reference.as_deref(),
                message_id: reply.message_id.as_deref(),
                ..data
            },
        ),
        Content::DeliveryReport(report) => (
            "delivery.updated",
            Data { message_id: Some(&report.message_id), status: Some(report.status), ..data },
        ),
        Content::Other(other) => (
            "other.received",
            Data { message_id: other.message_id.as_deref(), payload: Some(&other.payload), ..data },
        ),
    };
    let received = i64::try_from(event.received_at_ms).ok();
    let received = received.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let timestamp = received.unwrap_or(Timestamp::MAX);
    serde_json::to_vec(&Body { r#type, timestamp, data }).expect("an event serialises")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{DeliveryReport, EventId, Identity, Other, Reply};

    fn said(content: Content) -> String {
        let event = Event {
            id: EventId::of(&Identity::of_body("websms", b"x")),
            endpoint: "websms".into(),
            tenant: "default".into(),
            received_at_ms: 1_700_000_000_123,
            conflict: false,
            content,
        };
        String::from_utf8(body(&event)).unwrap().replace(event.id.as_str(), "ID")
    }

    #[test]
    fn a_body_says_what_there_is_and_leaves_out_the_rest() {
        let extra = serde_json::Map::new();
        let reply = Reply {
            message_id: Some("MO1".into()),
            from: "+64211234567".into(),
            to: "552".into(),
            text: "Kia ora \"x\"\n".into(),
            reference: Some("r1".into()),
            sent_at_ms: Some(5),
            extra: extra.clone(),
        };
        assert_eq!(
            said(Content::Reply(reply.clone())),
            r#"{"type":"reply.received","timestamp":"2023-11-14T22:13:20.123Z","data":{"event_id":"ID","endpoint":"websms","from":"+64211234567","to":"552","text":"Kia ora \"x\"\n","ref":"r1","message_id":"MO1"}}"#
        );
        let bare = said(Content::Reply(Reply { message_id: None, reference: None, ..reply }));
        assert!(!bare.contains("ref") && !bare.contains("message_id") && !bare.contains("null"), "{bare}");
        let report = DeliveryReport {
            gateway: "connexus".into(),
            message_id: "MSG1".into(),
            status: DeliveryStatus::Delivered,
            status_word: None,
            status_code: None,
            reported_at_ms: None,
            extra,
        };
        assert_eq!(
            said(Content::DeliveryReport(report)),
            r#"{"type":"delivery.updated","timestamp":"2023-11-14T22:13:20.123Z","data":{"event_id":"ID","endpoint":"websms","message_id":"MSG1","status":"delivered"}}"#
        );
        let payload = serde_json::json!({ "b": [1] }).as_object().cloned().unwrap();
        assert_eq!(
            said(Content::Other(Other { message_id: None, sent_at_ms: None, payload })),
            r#"{"type":"other.received","timestamp":"2023-11-14T22:13:20.123Z","data":{"event_id":"ID","endpoint":"websms","payload":{"b":[1]}}}"#
        );
    }
}
