//! What every dialect makes of a body: the same every time, and one name for one event however it is spelt.

use std::sync::LazyLock;

use arbtest::arbitrary::{Result, Unstructured};
use serde_json::Value;
use textproof::{
    event::{ContentDigest, Event, EventId, Identity},
    webhook::{Dialect, Endpoint, Understood},
};

use crate::bodies::{endpoint, object, spelt, understand, value};

const POINTERS: &str = r#"{"type":"/type","reply_types":["mo"],"report_types":["dlr"],"other_types":["hello"],
    "message_id":"/messageId","from":"/from","to":"/to","text":"/body","reference":"/a/0/b~1c","timestamp":"/timestamp",
    "status":"/status","status_code":"/statusCode","statuses":{"delivered":["ok"]},"gateway":"connexus"}"#;

static ENDPOINTS: LazyLock<[Endpoint; 4]> = LazyLock::new(|| {
    [
        endpoint(Dialect::Connexus, None),
        endpoint(Dialect::MobileApiConnect, None),
        endpoint(Dialect::Generic, Some(POINTERS)),
        endpoint(Dialect::Generic, None),
    ]
});

pub(crate) fn text(input: &str) {
    for endpoint in &*ENDPOINTS {
        body(endpoint, input.as_bytes());
    }
}

fn body(endpoint: &Endpoint, body: &[u8]) {
    let understood = understand(endpoint, body, 1);
    assert_eq!(understood, understand(endpoint, body, 1), "read twice");
    let (event, identity, content_digest) = match understood {
        Understood::Event { event, identity, content_digest } => (event, identity, content_digest),
        Understood::Quarantine { identity, .. } => {
            return assert_eq!(identity, Identity::of_body("fuzzed", body));
        }
        Understood::BadRequest(reason) => {
            return assert!(["empty_body", "not_an_object", "missing_type"].contains(&reason.as_str()));
        }
    };
    assert_eq!((&event.id, content_digest), (&EventId::of(&identity), ContentDigest::of(&event.content)));
    let later = named(endpoint, body, 2_000_000_000);
    assert_eq!(later, (identity.clone(), content_digest), "the receive time is no part of it");
    let written = serde_json::to_string(&event).expect("an event serialises");
    assert_eq!(serde_json::from_str::<Event>(&written).as_ref().ok(), Some(&event), "it survives the stream");
    // Written again, it is other bytes; with a message id that makes no difference.
    if matches!(identity, Identity::Message { .. }) {
        let value: Value = serde_json::from_slice(body).expect("JSON");
        let compact = named(endpoint, value.to_string().as_bytes(), 1);
        assert_eq!(compact, (identity, content_digest), "{value}");
    }
}

fn named(endpoint: &Endpoint, body: &[u8], second: i64) -> (Identity, ContentDigest) {
    match understand(endpoint, body, second) {
        Understood::Event { identity, content_digest, .. } => (identity, content_digest),
        other => panic!("not understood any more: {other:?}"),
    }
}

/// A payload of every dialect with any values; then one with a message id, in two spellings and with one change.
pub(crate) fn generated(u: &mut Unstructured<'_>) -> Result<()> {
    let mut fields = Vec::new();
    for name in [
        "messageId",
        "from",
        "to",
        "body",
        "text",
        "status",
        "statusCode",
        "timestamp",
        "receivedAt",
        "ref",
        "a",
    ] {
        if u.ratio(4, 5)? {
            fields.push((name.to_owned(), likely(u)?));
        }
    }
    fields.push(("type".to_owned(), format!("\"{}\"", u.choose(&["mo", "SMS", "dlr", "hello", "x"])?)));
    fields.push(("event".to_owned(), "\"message.received\"".to_owned()));
    text(&object(u, &fields)?);

    let (id, time) = (u.int_in_range(1..=99)?, u.int_in_range(1..=99)?);
    let is_report = u.arbitrary()?;
    let first = payload(u, is_report, id, time)?;
    let second = payload(u, is_report, id, time)?;
    let other_id = payload(u, is_report, id + 1, time)?;
    let other_time = payload(u, is_report, id, time + 1)?;
    let endpoints = [(&ENDPOINTS[0], true), (&ENDPOINTS[1], !is_report), (&ENDPOINTS[2], true)];
    for (endpoint, _) in endpoints.into_iter().filter(|(_, reads)| *reads) {
        let name = |body: &str| named(endpoint, body.as_bytes(), 1).0;
        assert_eq!(name(&first), name(&second), "{first} {second}");
        for other in [&other_id, &other_time] {
            assert_ne!(name(&first), name(other), "{first} {other}");
        }
    }
    Ok(())
}

/// One event, spelt in any way that makes no difference to its name.
fn payload(u: &mut Unstructured<'_>, is_report: bool, id: u8, time: u8) -> Result<String> {
    let number = |u: &mut Unstructured<'_>, number: u8| match u.arbitrary()? {
        true => Ok(number.to_string()),
        false => spelt(u, &number.to_string()),
    };
    let kind = if is_report { ["dlr", "DLR", "Dlr"] } else { ["mo", "MO", "Mo"] };
    let (id, time) = (number(u, id)?, number(u, time)?);
    let mut fields = vec![
        ("type", format!("\"{}\"", u.choose(&kind)?)),
        ("event", "\"message.received\"".to_owned()),
        ("messageId", id),
        ("timestamp", time.clone()),
        ("receivedAt", time),
        ("more", (*u.choose(&["1", "[]", "null", "\"x\"", "{\"y\":0.1}"])?).to_owned()),
    ];
    if is_report {
        fields.push(("status", format!("\"{}\"", u.choose(&["DELIVRD", "delivrd", " Delivrd"])?)));
        fields.push(("statusCode", number(u, 1)?));
    } else {
        let said = u.arbitrary::<&str>()?.chars().take(20).collect::<String>();
        let from = *u.choose(&["+64211234567", "64211234567", "anybody"])?;
        fields.push(("from", spelt(u, from)?));
        fields.push(("to", "\"552\"".to_owned()));
        fields.push(("body", spelt(u, &said)?));
        fields.push(("text", spelt(u, &said)?));
    }
    let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    object(u, &fields)
}

/// A value that fits its field more often than chance has it.
fn likely(u: &mut Unstructured<'_>) -> Result<String> {
    const VALUES: [&str; 12] = [
        "\"+6421234567\"",
        "\"552\"",
        "\"DELIVRD\"",
        "\"ok\"",
        "\"1\"",
        "1",
        "-1",
        "16",
        "1234567890",
        "1e3",
        "\"2026-06-12T14:32:00Z\"",
        "[{\"b/c\":\"r\"}]",
    ];
    if u.ratio(3, 4)? { Ok((*u.choose(&VALUES)?).to_owned()) } else { value(u, 2) }
}
