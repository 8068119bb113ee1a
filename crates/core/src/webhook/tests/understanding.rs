//! What verified bodies become: events with one name however they are spelt, quarantine, or a 400.

use proptest::prelude::*;

use super::{
    super::{Dialect, Endpoint, NotUnderstood, Request, Understood},
    PATH_SECRET, SECRET, at, headers, signature, signed, unsigned,
};
use crate::event::{Content, DeliveryReport, DeliveryStatus, Event, EventId, Identity, Reply};

const RECEIVED: i64 = 1_800_000_000;

pub(super) fn understand_at(endpoint: &Endpoint, body: &[u8], received: i64) -> Understood {
    let value = signature(SECRET, body);
    let headers = headers(&[value.as_bytes()]);
    let path_secret = (!endpoint.signs_body()).then_some(PATH_SECRET);
    let request = Request { headers: &headers, path_secret, peer: None, body };
    endpoint.verify(&request, at(received)).unwrap().understand(at(received))
}

pub(super) fn understand(endpoint: &Endpoint, body: &str) -> Understood {
    understand_at(endpoint, body.as_bytes(), RECEIVED)
}

fn event(endpoint: &Endpoint, body: &str) -> Event {
    match understand(endpoint, body) {
        Understood::Event { event, .. } => event,
        other => panic!("{body}: {other:?}"),
    }
}

fn reply(endpoint: &Endpoint, body: &str) -> Reply {
    match event(endpoint, body).content {
        Content::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn report(body: &str) -> DeliveryReport {
    match event(&unsigned(Dialect::Connexus), body).content {
        Content::DeliveryReport(report) => report,
        other => panic!("{other:?}"),
    }
}

fn event_id(body: &str) -> EventId {
    event(&unsigned(Dialect::Connexus), body).id
}

const MO: &str = r#"{"type":"mo","messageId":"MO456","from":"+6421234567","to":"552","body":"Reply","timestamp":1234567890}"#;

#[test]
fn a_connexus_reply_is_read() {
    let event = event(&unsigned(Dialect::Connexus), MO);
    assert_eq!((event.endpoint.as_str(), event.tenant.as_str()), ("hook", "default"));
    assert_eq!((event.received_at_ms, event.conflict), (1_800_000_000_000, false));
    let Content::Reply(reply) = event.content else { panic!("a reply") };
    assert_eq!(reply.message_id.as_deref(), Some("MO456"));
    assert_eq!(
        (reply.from.as_str(), reply.to.as_str(), reply.text.as_str()),
        ("+6421234567", "552", "Reply")
    );
    assert_eq!((reply.sent_at_ms, reply.reference, reply.extra.len()), (Some(1_234_567_890_000), None, 0));
}

#[test]
fn a_connexus_delivery_report_is_read_and_what_is_unknown_is_kept() {
    let body = r#"{"type":"dlr","messageId":"MSG123","status":"DELIVRD","statusCode":1,"timestamp":1234567890,"network":{"b":1,"a":2},"details":"x"}"#;
    let report = report(body);
    assert_eq!((report.gateway.as_str(), report.message_id.as_str()), ("connexus", "MSG123"));
    assert_eq!((report.status, report.status_code), (DeliveryStatus::Delivered, Some(1)));
    assert_eq!(report.status_word.as_deref(), Some("DELIVRD"));
    assert_eq!(report.reported_at_ms, Some(1_234_567_890_000));
    let extra = serde_json::to_string(&report.extra).unwrap();
    assert_eq!(extra, r#"{"details":"x","network":{"a":2,"b":1}}"#);
}

#[test]
fn a_mobile_api_connect_reply_is_read() {
    let body = r#"{"event":"message.received","from":"919876543210","to":"911234500000","text":"balance","ref":"r-1",
        "receivedAt":"2026-06-12T14:32:00.000Z","deviceId":"dev_1","tenantId":"ten_1","tenantName":"Acme Corp","matchedRuleId":null}"#;
    let endpoint = signed(Dialect::MobileApiConnect);
    let Understood::Event { event, identity, .. } = understand(&endpoint, body) else { panic!("an event") };
    assert_eq!(identity, Identity::of_body("hook", body.as_bytes()));
    assert_eq!(event.id, EventId::of(&identity));
    let Content::Reply(reply) = event.content else { panic!("a reply") };
    assert_eq!((reply.message_id, reply.from.as_str()), (None, "+919876543210"));
    assert_eq!((reply.text.as_str(), reply.reference.as_deref()), ("balance", Some("r-1")));
    assert_eq!(reply.sent_at_ms, Some(1_781_274_720_000));
    assert_eq!(reply.extra["tenantName"], "Acme Corp");
    assert_eq!(reply.extra["deviceId"], "dev_1");
}

#[test]
fn a_mobile_api_connect_message_id_is_used_where_there_is_one() {
    let endpoint = signed(Dialect::MobileApiConnect);
    for (field, expected) in
        [(r#""messageId":"m1""#, "m1"), (r#""id":7"#, "7"), (r#""id":"delivery-1","messageId":"m1""#, "m1")]
    {
        let body =
            format!(r#"{{"event":"message.received","from":"1","to":"2","text":"","ref":null,{field}}}"#);
        assert_eq!(reply(&endpoint, &body).message_id.as_deref(), Some(expected), "{field}");
    }
}

#[test]
fn one_event_has_one_name_however_it_is_spelt() {
    let mo = event_id(MO);
    for (from, to) in [
        (r#""type":"mo""#, r#""type":"SMS""#),
        (r#""type":"mo""#, r#""type":"sms""#),
        (r#""type":"mo""#, r#""type":"MO""#),
        (":1234567890", r#":"1234567890""#),
        (":1234567890", ":1234567890.0"),
        ("+6421234567", "6421234567"),
        (r#""body":"Reply""#, r#""body":"Other text""#),
    ] {
        assert_eq!(event_id(&MO.replace(from, to)), mo, "{to}");
    }
    assert_eq!(event_id(&MO.replace("\"MO456\"", "456")), event_id(&MO.replace("MO456", "456")));
    for (from, to) in [("MO456", "MO457"), ("1234567890", "1234567891")] {
        assert_ne!(event_id(&MO.replace(from, to)), mo, "{to}");
    }
}

#[test]
fn the_content_digest_tells_a_repeat_from_a_conflict() {
    let digest =
        |body: &str, received| match understand_at(&unsigned(Dialect::Connexus), body.as_bytes(), received) {
            Understood::Event { content_digest, .. } => content_digest,
            other => panic!("{other:?}"),
        };
    let reordered = r#"{"timestamp":"1234567890","x":{"a":1,"b":2},"network":"n","messageId":"MO456","to":"552","body":"Reply","from":"6421234567","type":"SMS"}"#;
    let extended = MO.replace('}', r#","network":"n","x":{"b":2,"a":1}}"#);
    assert_eq!(digest(&extended, 1), digest(reordered, 2));
    assert_ne!(digest(MO, 1), digest(&MO.replace("Reply", "Other"), 1));
}

#[test]
fn reports_are_told_apart_by_code_or_else_by_word() {
    let id = |status: &str| event_id(&format!(r#"{{"type":"dlr","messageId":"M","timestamp":1,{status}}}"#));
    assert_ne!(id(r#""status":"ACCEPTD","statusCode":8"#), id(r#""status":"DELIVRD","statusCode":1"#));
    assert_ne!(id(r#""status":"ACCEPTD""#), id(r#""status":"DELIVRD""#));
    assert_eq!(id(r#""status":"DELIVRD","statusCode":1"#), id(r#""status":"DELIVRD","statusCode":"1""#));
    assert_eq!(id(r#""status":"DELIVRD""#), id(r#""status":"delivrd""#));
}

#[test]
fn a_reply_without_message_id_is_named_by_its_body() {
    let body = r#"{"type":"mo","from":"6421234567","to":"552","body":"STOP"}"#;
    assert_eq!(event_id(body), EventId::of(&Identity::of_body("hook", body.as_bytes())));
    assert_ne!(event_id(body), event_id(&body.replace(':', ": ")));
}

#[test]
fn a_sender_that_is_no_number_is_kept_as_text() {
    let endpoint = unsigned(Dialect::Connexus);
    for (from, expected) in [
        ("6421234567", "+6421234567"),
        ("+64 21 234 567", "+6421234567"),
        ("021234567", "021234567"),
        ("WebSMS", "WebSMS"),
        ("552", "552"),
    ] {
        assert_eq!(reply(&endpoint, &MO.replace("+6421234567", from)).from, expected, "{from}");
    }
}

#[test]
fn a_timestamp_that_is_no_time_is_kept() {
    let body = MO.replace("1234567890", "\"yesterday\"");
    let reply = reply(&unsigned(Dialect::Connexus), &body);
    assert_eq!((reply.sent_at_ms, &reply.extra["timestamp"]), (None, &"yesterday".into()));
    assert_ne!(event_id(&body), event_id(&body.replace("yesterday", "today")));
}

#[test]
fn only_what_is_plainly_no_payload_is_a_bad_request_and_only_unsigned() {
    let bodies = [
        ("", "empty_body"),
        (" \r\n\t", "empty_body"),
        ("hello", "not_an_object"),
        ("[{\"type\":\"mo\"}]", "not_an_object"),
        ("\u{feff}{}", "not_an_object"),
        ("{}", "missing_type"),
        (" {\"type\":null}", "missing_type"),
        ("{\"event\":\"message.received\"}", "missing_type"),
    ];
    for (body, label) in bodies {
        let Understood::BadRequest(reason) = understand(&unsigned(Dialect::Connexus), body) else {
            panic!("{body}")
        };
        assert_eq!(reason.as_str(), label, "{body}");
        let Understood::Quarantine { reason, identity } = understand(&signed(Dialect::Connexus), body) else {
            panic!("{body}")
        };
        assert_eq!(reason.as_str(), label, "{body}");
        assert_eq!(identity, Identity::of_body("hook", body.as_bytes()));
    }
}

#[test]
fn everything_else_that_is_not_understood_is_quarantined_on_both() {
    use NotUnderstood::{MalformedField, MissingField, OverlongField, UnknownType};
    let replaced = |from: &str, to: &str| MO.replace(from, to);
    let long = "x".repeat(129);
    let text = "x".repeat(16 * 1024 + 1);
    let cases = [
        (r#"{"type":"optin","messageId":"X1","timestamp":1}"#.to_owned(), UnknownType),
        (r#"{"type":5}"#.to_owned(), UnknownType),
        (replaced(r#""from":"+6421234567","#, ""), MissingField("from")),
        (replaced(r#""from":"+6421234567""#, r#""from":"""#), MissingField("from")),
        (replaced(r#""to":"552","#, ""), MissingField("to")),
        (replaced(r#""body":"Reply","#, ""), MissingField("body")),
        (replaced(r#""Reply""#, "null"), MissingField("body")),
        (replaced(r#""Reply""#, "5"), MalformedField("body")),
        (replaced(r#""MO456""#, "1.5"), MalformedField("messageId")),
        (replaced(r#""MO456""#, "true"), MalformedField("messageId")),
        (replaced("MO456", "MO\\n456"), MalformedField("messageId")),
        (replaced("1234567890", "[]"), MalformedField("timestamp")),
        (replaced("MO456", &long), OverlongField("messageId")),
        (replaced("Reply", &text), OverlongField("body")),
        (r#"{"type":"dlr","status":"DELIVRD"}"#.to_owned(), MissingField("messageId")),
        (r#"{"type":"dlr","messageId":"","status":"DELIVRD"}"#.to_owned(), MissingField("messageId")),
        (r#"{"type":"dlr","messageId":"M"}"#.to_owned(), MissingField("status")),
        (r#"{"type":"dlr","messageId":"M","statusCode":"one"}"#.to_owned(), MalformedField("statusCode")),
    ];
    for endpoint in [signed(Dialect::Connexus), unsigned(Dialect::Connexus)] {
        for (body, expected) in &cases {
            let Understood::Quarantine { reason, .. } = understand(&endpoint, body) else { panic!("{body}") };
            assert_eq!(reason, *expected, "{body}");
        }
        for (body, label) in [
            (&b"{\"type\":\"mo\""[..], "malformed_json"),
            (b"{\"type\":\"\xff\"}", "not_utf8"),
            (b"{\"type\":\"mo\",\"messageId\":99999999999999999999}", "number_out_of_range"),
        ] {
            let Understood::Quarantine { reason, .. } = understand_at(&endpoint, body, 0) else {
                panic!("{label}")
            };
            assert_eq!(reason.as_str(), label);
        }
    }
    let other_event = r#"{"event":"message.sent","from":"1","to":"2","text":""}"#;
    let Understood::Quarantine { reason, .. } = understand(&signed(Dialect::MobileApiConnect), other_event)
    else {
        panic!("quarantine")
    };
    assert_eq!(reason, UnknownType);
}

proptest! {
    #[test]
    fn any_bytes_are_answered_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        for dialect in [Dialect::Connexus, Dialect::MobileApiConnect, Dialect::Generic] {
            understand_at(&signed(dialect), &body, RECEIVED);
            understand_at(&unsigned(dialect), &body, RECEIVED);
        }
    }

    #[test]
    fn any_values_in_the_known_fields_are_answered_without_a_panic(
        type_name in prop::sample::select(vec!["mo", "dlr", "SMS", "x"]),
        values in prop::collection::vec(prop::sample::select(vec![
            "null", "true", "1", "-1", "1.5", "1e18", "18446744073709551615", "\"\"", "\"1\"", "\"+6421234567\"",
            "\"DELIVRD\"", "\"2026-06-12T14:32:00Z\"", "\"\\u0000\"", "[]", "{\"a\":[1]}",
        ]), 9),
    ) {
        let names = ["messageId", "from", "to", "body", "text", "status", "statusCode", "timestamp", "receivedAt"];
        let fields: Vec<String> = names.iter().zip(&values).map(|(n, v)| format!("\"{n}\":{v}")).collect();
        let connexus = format!("{{\"type\":\"{type_name}\",{}}}", fields.join(","));
        let mobile = format!("{{\"event\":\"message.received\",{}}}", fields.join(","));
        understand(&unsigned(Dialect::Connexus), &connexus);
        understand(&signed(Dialect::MobileApiConnect), &mobile);
        // The answer is a function of the bytes: the same on every host and every time.
        prop_assert_eq!(
            understand(&unsigned(Dialect::Connexus), &connexus),
            understand(&unsigned(Dialect::Connexus), &connexus)
        );
    }
}
