//! The generic dialect: what configuration points at becomes an event, and the rest is kept.

use serde_json::json;

use super::{
    super::{Authentication, Dialect, Endpoint, HmacBody, NotUnderstood, Understood},
    SECRET, build, entry, signed,
    understanding::{understand, understand_at},
    unsigned,
};
use crate::event::{Content, DeliveryStatus, Event, EventId, Identity, Other};

const RELAY: &str = r#"{"type":"/event/kind","reply_types":["inbound"],"report_types":["status"],"other_types":["hello"],
    "message_id":"/data/id","from":"/data/who/0","to":"/data/who/1","text":"/data/body~1text","reference":"/data/ref",
    "timestamp":"/event/at","status":"/data/state","status_code":"/data/code","gateway":"connexus"}"#;
const INBOUND: &str = r#"{"event":{"kind":"Inbound","at":1234567890},
    "data":{"id":7,"who":["6421234567","552","x"],"body/text":"hello","ref":"r-1","net":"n"}}"#;
const STATUS: &str = r#"{"event":{"kind":"status","at":"1234567890"},"data":{"id":"7","state":"delivered"}}"#;

fn relay(pointers: &str) -> Endpoint {
    let auth = Authentication::HmacBody(HmacBody::default());
    let endpoint = build(Dialect::Generic, auth, vec![entry("a", SECRET, None)]);
    endpoint.with_pointers(serde_json::from_str(pointers).unwrap()).unwrap()
}

fn event(endpoint: &Endpoint, body: &str) -> (Event, Identity) {
    match understand(endpoint, body) {
        Understood::Event { event, identity, .. } => (event, identity),
        other => panic!("{body}: {other:?}"),
    }
}

fn not_understood(endpoint: &Endpoint, body: &str) -> NotUnderstood {
    match understand(endpoint, body) {
        Understood::Quarantine { reason, .. } | Understood::BadRequest(reason) => reason,
        event @ Understood::Event { .. } => panic!("{body}: {event:?}"),
    }
}

fn other(event: Event) -> Other {
    match event.content {
        Content::Other(other) => other,
        content => panic!("{content:?}"),
    }
}

#[test]
fn a_relayed_reply_is_read_and_the_rest_is_kept() {
    let (event, identity) = event(&relay(RELAY), INBOUND);
    let Content::Reply(reply) = event.content else { panic!("a reply") };
    assert_eq!((reply.from.as_str(), reply.to.as_str()), ("+6421234567", "552"));
    assert_eq!((reply.text.as_str(), reply.reference.as_deref()), ("hello", Some("r-1")));
    assert_eq!((reply.message_id.as_deref(), reply.sent_at_ms), (Some("7"), Some(1_234_567_890_000)));
    let extra = json!({ "data": { "net": "n", "who": [null, null, "x"] }, "event": {} });
    assert_eq!(serde_json::Value::Object(reply.extra), extra);
    let expected = Identity::Message {
        endpoint: "hook".into(),
        kind: "reply",
        message_id: "7".into(),
        status_code: None,
        timestamp: Some("1234567890".into()),
    };
    assert_eq!((&event.id, identity), (&EventId::of(&expected), expected));
}

#[test]
fn a_relayed_report_is_read() {
    let (event, identity) = event(&relay(RELAY), STATUS);
    let Content::DeliveryReport(report) = event.content else { panic!("a report") };
    assert_eq!((report.gateway.as_str(), report.message_id.as_str()), ("connexus", "7"));
    assert_eq!(
        (report.status, report.status_word.as_deref()),
        (DeliveryStatus::Delivered, Some("delivered"))
    );
    let Identity::Message { kind, status_code, .. } = identity else { panic!("named by its message id") };
    assert_eq!((kind, status_code.as_deref()), ("delivery", Some("DELIVERED")));
}

#[test]
fn a_relay_speaks_for_its_own_messages_unless_it_is_told_to_speak_for_a_gateway() {
    let relay = relay(r#"{"status_code":"/code","message_id":"/id","statuses":{"delivered":["0"]}}"#);
    let (event, _) = event(&relay, r#"{"id":"7","code":0}"#);
    let Content::DeliveryReport(report) = event.content else { panic!("a report") };
    assert_eq!((report.gateway.as_str(), report.status), ("hook", DeliveryStatus::Delivered));
}

#[test]
fn without_pointers_everything_is_kept_and_named_by_its_body() {
    let endpoint = signed(Dialect::Generic);
    let body = r#"{"z":1,"a":{"c":[2],"b":null},"id":"7"}"#;
    let (event, identity) = event(&endpoint, body);
    assert_eq!(identity, Identity::of_body("hook", body.as_bytes()));
    assert_eq!(event.id, EventId::of(&identity));
    let other = other(event);
    assert_eq!((other.message_id, other.sent_at_ms), (None, None));
    let written = serde_json::to_string(&other.payload).unwrap();
    assert_eq!(written, r#"{"a":{"b":null,"c":[2]},"id":"7","z":1}"#);
    assert!(matches!(understand(&unsigned(Dialect::Generic), "{}"), Understood::Event { .. }));
}

#[test]
fn something_other_is_named_by_its_message_id_where_there_is_one() {
    let endpoint = relay(r#"{"message_id":"/id","timestamp":"/at"}"#);
    let (first, identity) = event(&endpoint, r#"{"id":"7","at":"2009-02-13T23:31:30Z","a":1}"#);
    let Identity::Message { kind, .. } = identity else { panic!("named by its message id") };
    assert_eq!(kind, "other");
    let (again, _) = event(&endpoint, r#"{"a":2,"at":"2009-02-13T23:31:30Z","id":7}"#);
    assert_eq!(first.id, again.id);
    assert_eq!(other(first).sent_at_ms, Some(1_234_567_890_000));
    let hello = r#"{"event":{"kind":"HELLO"}}"#;
    assert_eq!(event(&relay(RELAY), hello).1, Identity::of_body("hook", hello.as_bytes()));
}

#[test]
fn a_relayed_event_has_one_name_however_it_is_spelt() {
    let endpoint = relay(RELAY);
    let id = |body: &str| event(&endpoint, body).0.id;
    let reply = id(INBOUND);
    for (from, to) in [
        ("Inbound", "INBOUND"),
        (":1234567890", r#":"1234567890""#),
        (":7", r#":"7""#),
        ("6421234567", "+64 21 234 567"),
        ("\"net\":\"n\"", "\"net\":\"m\",\"more\":1"),
        (",\n    ", ","),
    ] {
        assert_ne!(INBOUND, INBOUND.replace(from, to));
        assert_eq!(id(&INBOUND.replace(from, to)), reply, "{to}");
    }
    assert_ne!(id(&INBOUND.replace(":7", ":8")), reply);
    assert_eq!(id(STATUS), id(&STATUS.replace("delivered", " DELIVERED")));
    assert_ne!(id(STATUS), id(&STATUS.replace("delivered", "sent")));
}

#[test]
fn what_the_pointers_do_not_find_is_kept_with_the_name_of_the_key() {
    let relay = relay(RELAY);
    for (from, to, expected) in [
        ("Inbound", "outbound", NotUnderstood::UnknownType),
        ("\"Inbound\"", "5", NotUnderstood::UnknownType),
        ("\"Inbound\"", "null", NotUnderstood::MissingType),
        ("[\"6421234567\",\"552\",\"x\"]", "[\"6421234567\"]", NotUnderstood::MissingField("to")),
        ("body/text", "body", NotUnderstood::MissingField("text")),
        ("\"hello\"", "[]", NotUnderstood::MalformedField("text")),
        (":7", ":{}", NotUnderstood::MalformedField("message_id")),
    ] {
        assert_eq!(not_understood(&relay, &INBOUND.replace(from, to)), expected, "{to}");
    }
    assert_eq!(
        not_understood(&relay, &STATUS.replace("state", "status")),
        NotUnderstood::MissingField("status")
    );
    assert_eq!(not_understood(&relay, r#"{"event":{"kind":"hello"},"event":1}"#).as_str(), "duplicate_key");
}

#[test]
fn only_on_schemes_that_sign_nothing_is_a_payload_without_a_type_refused() {
    let settings = serde_json::from_str(r#"{"type":"/t","other_types":["a"]}"#).unwrap();
    let unsigned = unsigned(Dialect::Generic).with_pointers(settings).unwrap();
    for body in ["", "[]", "{}", r#"{"t":null}"#] {
        assert!(matches!(understand(&unsigned, body), Understood::BadRequest(_)), "{body}");
        assert!(matches!(understand(&relay(RELAY), body), Understood::Quarantine { .. }), "{body}");
    }
    assert!(matches!(understand(&unsigned, r#"{"t":"b"}"#), Understood::Quarantine { .. }));
}

#[test]
fn a_time_that_is_none_is_kept_where_it_stood() {
    let (event, _) = event(&relay(RELAY), &INBOUND.replace("1234567890", "\"yesterday\""));
    let Content::Reply(reply) = event.content else { panic!("a reply") };
    assert_eq!((reply.sent_at_ms, &reply.extra["event"]["at"]), (None, &json!("yesterday")));
}

#[test]
fn other_dialects_take_no_pointers() {
    for dialect in [Dialect::Connexus, Dialect::MobileApiConnect] {
        let refused = signed(dialect).with_pointers(super::super::PointerSettings::default());
        assert_eq!(refused.unwrap_err().to_string(), "only the generic dialect has pointers");
    }
}

#[test]
fn the_receive_time_is_no_part_of_the_content() {
    let digest = |received| match understand_at(&relay(RELAY), INBOUND.as_bytes(), received) {
        Understood::Event { content_digest, .. } => content_digest,
        other => panic!("{other:?}"),
    };
    assert_eq!(digest(1), digest(2));
}
