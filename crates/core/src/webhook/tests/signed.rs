//! What the schemes promise that sign a timestamp, and those that offer lists.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;

use super::{
    super::{Authentication, Dialect, Endpoint, Refused, Request, Understood},
    at, build, entry, named,
};
use crate::event::{Content, EventId, Identity};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;
const BODY: &[u8] =
    br#"{"type":"mo","messageId":"MO456","from":"+6421234567","to":"552","body":"Reply","timestamp":1234567890}"#;

fn mac(pieces: &[&[u8]]) -> Vec<u8> {
    let keyed = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(KEY).unwrap();
    let keyed = pieces.iter().fold(keyed, Mac::chain_update);
    keyed.finalize().into_bytes().to_vec()
}

fn standard() -> Endpoint {
    let secret = format!("whsec_{}", BASE64.encode(KEY));
    build(Dialect::Connexus, Authentication::StandardWebhooks {}, vec![entry("a", &secret, None)])
}

fn of(authentication: Authentication) -> Endpoint {
    build(Dialect::Connexus, authentication, vec![entry("a", std::str::from_utf8(KEY).unwrap(), None)])
}

fn standard_signature(id: &str, timestamp: &str, body: &[u8]) -> String {
    let mac = mac(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    format!("v1,{}", BASE64.encode(&mac))
}

fn hex(pieces: &[&[u8]]) -> String {
    HEXLOWER.encode(&mac(pieces))
}

fn standard_headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    named(&[("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)])
}

fn answer(endpoint: &Endpoint, headers: &HeaderMap, body: &[u8]) -> Result<String, Refused> {
    let request = Request { headers, path_secret: None, peer: None, body };
    endpoint.verify(&request, at(NOW)).map(|verified| verified.secret_id().to_owned())
}

/// Standard Webhooks, Stripe and Slack, signed at this time.
fn timed(timestamp: &str) -> [(Endpoint, HeaderMap); 3] {
    let seconds = timestamp.as_bytes();
    let stripe = format!("t={timestamp},v1={}", hex(&[seconds, b".", BODY]));
    let slack = format!("v0={}", hex(&[b"v0:", seconds, b":", BODY]));
    [
        (standard(), standard_headers("msg_1", timestamp, &standard_signature("msg_1", timestamp, BODY))),
        (of(Authentication::Stripe {}), named(&[("stripe-signature", &stripe)])),
        (
            of(Authentication::Slack {}),
            named(&[("x-slack-signature", &slack), ("x-slack-request-timestamp", timestamp)]),
        ),
    ]
}

#[test]
fn a_signed_timestamp_may_be_300_seconds_off_in_either_direction() {
    for (off, expected) in [
        (0, Ok("a".to_owned())),
        (-300, Ok("a".to_owned())),
        (-301, Err(Refused::TimestampTooOld)),
        (300, Ok("a".to_owned())),
        (301, Err(Refused::TimestampInFuture)),
        (-NOW, Err(Refused::TimestampTooOld)),
        (i64::MAX / 100, Err(Refused::TimestampInFuture)),
    ] {
        for (endpoint, headers) in timed(&(NOW + off).to_string()) {
            assert_eq!(answer(&endpoint, &headers, BODY), expected, "{off} {endpoint:?}");
        }
    }
}

#[test]
fn a_timestamp_with_anything_but_digits_is_refused_though_it_is_signed() {
    for odd in [
        format!("+{NOW}"),
        format!("-{NOW}"),
        format!("{NOW}.0"),
        format!("0x{NOW:x}"),
        format!("{NOW}e0"),
        i64::MIN.to_string(),
        i64::MAX.to_string(),
        u64::MAX.to_string(),
        "9".repeat(40),
    ] {
        for (endpoint, headers) in timed(&odd) {
            let refused = answer(&endpoint, &headers, BODY);
            assert_eq!(refused, Err(Refused::MalformedHeader), "{odd} {endpoint:?}");
        }
    }
}

#[test]
fn there_is_exactly_one_timestamp() {
    let now = NOW.to_string();
    let earlier = (NOW - 1).to_string();
    for timestamp in [&now, &earlier] {
        for (endpoint, mut headers) in timed(&now) {
            let name = match endpoint.scheme_name() {
                "standard-webhooks" => "webhook-timestamp",
                "slack" => "x-slack-request-timestamp",
                _ => {
                    let value = headers["stripe-signature"].to_str().unwrap();
                    let value = format!("{value},t={timestamp}").parse().unwrap();
                    headers.insert("stripe-signature", value);
                    assert_eq!(answer(&endpoint, &headers, BODY), Err(Refused::MalformedHeader));
                    continue;
                }
            };
            headers.append(name, timestamp.parse().unwrap());
            assert_eq!(answer(&endpoint, &headers, BODY), Err(Refused::ConflictingHeaders), "{name}");
            headers.remove(name);
            assert_eq!(answer(&endpoint, &headers, BODY), Err(Refused::MissingHeader), "{name}");
        }
    }
    let stripe = named(&[("stripe-signature", &format!("v1={}", hex(&[now.as_bytes(), b".", BODY])))]);
    assert_eq!(answer(&of(Authentication::Stripe {}), &stripe, BODY), Err(Refused::MalformedHeader));
}

#[test]
fn two_values_of_a_signature_header_are_refused_and_one_value_twice_is_not() {
    let now = NOW.to_string();
    let github = format!("sha256={}", hex(&[BODY]));
    let mut cases = Vec::from(timed(&now));
    cases.push((of(Authentication::Github {}), named(&[("x-hub-signature-256", &github)])));
    for (endpoint, headers) in cases {
        let name = headers.keys().find(|name| name.as_str().contains("signature")).unwrap().clone();
        let mut twice = headers.clone();
        twice.append(&name, headers[&name].clone());
        assert_eq!(answer(&endpoint, &twice, BODY), Ok("a".to_owned()), "{endpoint:?}");
        let other = headers[&name].to_str().unwrap().replace(|c: char| c.is_ascii_hexdigit(), "0");
        for (first, second) in
            [(&headers[&name], &other.parse().unwrap()), (&other.parse().unwrap(), &headers[&name])]
        {
            let mut two = headers.clone();
            two.insert(&name, first.clone());
            two.append(&name, second.clone());
            assert_eq!(answer(&endpoint, &two, BODY), Err(Refused::ConflictingHeaders), "{endpoint:?}");
        }
    }
    // The id is signed, too.
    let mut ids = standard_headers("msg_1", &now, &standard_signature("msg_1", &now, BODY));
    ids.append("webhook-id", "msg_2".parse().unwrap());
    assert_eq!(answer(&standard(), &ids, BODY), Err(Refused::ConflictingHeaders));
}

#[test]
fn a_list_is_read_whole_and_what_is_malformed_in_it_is_skipped() {
    let now = NOW.to_string();
    let seconds = now.as_bytes();
    let right = standard_signature("msg_1", &now, BODY);
    let wrong = standard_signature("msg_2", &now, BODY);
    let list =
        |entries: &[&str]| answer(&standard(), &standard_headers("msg_1", &now, &entries.join(" ")), BODY);
    for entries in [
        &[&right[..], &wrong][..],
        &[&wrong, &right],
        &["v1,", "v1,%", "v2,x", "", "nonsense", &right, "v1,short"],
        &[&"x".repeat(5_000), &right],
    ] {
        assert_eq!(list(entries), Ok("a".to_owned()));
    }
    for entries in [
        &[&wrong[..]][..],
        &["v1,"],
        &["v1,", &right[..20]],
        &[&right.replace("v1,", "v2,")],
        &[&right.replace("v1,", "v1a,")],
        &[&format!("{right},{right}")],
        &[""],
    ] {
        assert_eq!(list(entries), Err(Refused::SignatureMismatch), "{entries:?}");
    }
    // More signatures than any rotation has: not even looked at.
    assert_eq!(list(&[&right[..]; 17]), Err(Refused::MalformedHeader));

    let v1 = format!("v1={}", hex(&[seconds, b".", BODY]));
    let t = format!("t={now}");
    let stripe = |entries: &[&str]| {
        answer(&of(Authentication::Stripe {}), &named(&[("stripe-signature", &entries.join(","))]), BODY)
    };
    for entries in [&[&t[..], &v1][..], &[&v1, &t], &[&t, "v1=potato", &v1], &["x", "", "=", &t, &v1, "v1="]]
    {
        assert_eq!(stripe(entries), Ok("a".to_owned()), "{entries:?}");
    }
    for entries in [
        &[&t[..]][..],
        &[&t, "v1="],
        &[&t, &v1.replace("v1", "v0")],
        &[&t, &v1.replace("v1", " v1")],
        &[&t, &v1[..v1.len() - 2]],
        &[&t, &format!("{v1}00")],
    ] {
        assert_eq!(stripe(entries), Err(Refused::SignatureMismatch), "{entries:?}");
    }
}

#[test]
fn a_changed_body_id_or_time_is_another_message() {
    let now = NOW.to_string();
    let earlier = (NOW - 1).to_string();
    for (endpoint, headers) in timed(&now) {
        let longer = [BODY, b" "].concat();
        for body in [&BODY[1..], b"", &longer] {
            let refused = answer(&endpoint, &headers, body);
            assert_eq!(refused, Err(Refused::SignatureMismatch), "{endpoint:?}");
        }
    }
    let signature = standard_signature("msg_1", &now, BODY);
    for (id, timestamp) in [("msg_2", &now), ("msg_1", &earlier), ("MSG_1", &now)] {
        let headers = standard_headers(id, timestamp, &signature);
        assert_eq!(answer(&standard(), &headers, BODY), Err(Refused::SignatureMismatch), "{id}");
    }
    // The same signed bytes, with the border between id and timestamp somewhere else.
    let signature = standard_signature("msg", &now, &[now.as_bytes(), b".", BODY].concat());
    let moved = standard_headers(&format!("msg.{now}"), &now, &signature);
    assert_eq!(answer(&standard(), &moved, BODY), Err(Refused::MalformedHeader));
}

#[test]
fn no_other_scheme_beside_the_right_one_helps() {
    let now = NOW.to_string();
    let right = format!("sha256={}", hex(&[BODY]));
    let everything = |hub: &str| {
        named(&[("x-hub-signature-256", hub), ("x-mac-signature", &right), ("x-hub-signature", "sha1=00")])
    };
    let github = of(Authentication::Github {});
    assert_eq!(answer(&github, &everything(&right), BODY), Ok("a".to_owned()));
    let wrong = format!("sha256={}", "0".repeat(64));
    assert_eq!(answer(&github, &everything(&wrong), BODY), Err(Refused::SignatureMismatch));
    for (endpoint, _) in timed(&now) {
        assert_eq!(answer(&endpoint, &everything(&right), BODY), Err(Refused::MissingHeader), "{endpoint:?}");
    }
}

#[test]
fn the_signed_id_names_the_message_whatever_the_payload_says() {
    let identity = |id: &str, timestamp: i64, body: &[u8]| {
        let timestamp = timestamp.to_string();
        let headers = standard_headers(id, &timestamp, &standard_signature(id, &timestamp, body));
        let request = Request { headers: &headers, path_secret: None, peer: None, body };
        let endpoint = standard();
        let verified = endpoint.verify(&request, at(NOW)).unwrap();
        assert_eq!(verified.message_id(), Some(id));
        match verified.understand(at(NOW)) {
            Understood::Event { event, identity, .. } => (event, identity),
            other => panic!("{other:?}"),
        }
    };
    let (event, first) = identity("msg_1", NOW, BODY);
    let Identity::Message { message_id, .. } = &first else { panic!("{first:?}") };
    assert_eq!((message_id.as_str(), &event.id), ("msg_1", &EventId::of(&first)));
    // What the gateway calls the message is kept: delivery reports are joined by it.
    let Content::Reply(reply) = event.content else { panic!("a reply") };
    assert_eq!(reply.message_id.as_deref(), Some("MO456"));
    // A later attempt is the same message, another id is another one.
    assert_eq!(identity("msg_1", NOW - 60, BODY).1, first);
    assert_ne!(identity("msg_2", NOW, BODY).1, first);
    // Without an id in the payload the signed one counts, not the body.
    let without = br#"{"type":"mo","from":"6421234567","to":"552","body":"STOP"}"#;
    assert!(
        matches!(identity("msg_3", NOW, without).1, Identity::Message { message_id, .. } if message_id == "msg_3")
    );
}

#[test]
fn an_unsigned_header_never_names_a_message() {
    let github = of(Authentication::Github {});
    let right = format!("sha256={}", hex(&[BODY]));
    let identity = |delivery: &str| {
        let headers = named(&[
            ("x-hub-signature-256", &right),
            ("x-github-delivery", delivery),
            ("webhook-id", delivery),
        ]);
        let request = Request { headers: &headers, path_secret: None, peer: None, body: BODY };
        let verified = github.verify(&request, at(NOW)).unwrap();
        assert_eq!(verified.message_id(), None);
        match verified.understand(at(NOW)) {
            Understood::Event { identity, .. } => identity,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(identity("1"), identity("2"));
}
