mod vectors;

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::{
    super::{
        AllowedAddresses, Authentication, Basic, Dialect, HeaderSecret, HmacBody, KeyEncoding, SecretEntry,
    },
    *,
};

const SECRET: &str = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk=";
const BODY: &[u8] = br#"{"type":"mo","text":"K\u0101 \"1/2\""}"#;
const NOW: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn settings(authentication: Authentication, secrets: &[(&str, &str, Option<i64>)]) -> EndpointSettings {
    let entry = |(id, value, end): &(&str, &str, Option<i64>)| SecretEntry {
        id: (*id).into(),
        value: SecretString::from(*value),
        not_after: end.map(at),
    };
    EndpointSettings {
        name: "hook".into(),
        tenant: "default".into(),
        dialect: Dialect::Connexus,
        authentication,
        secrets: secrets.iter().map(entry).collect(),
        addresses: None,
    }
}

fn headers(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn explained(settings: &EndpointSettings, given: &[(&str, &str)], body: &[u8]) -> Explanation {
    let request = Request { headers: &headers(given), path_secret: None, peer: None, body };
    explain(settings, &request, at(NOW)).unwrap()
}

fn found(settings: &EndpointSettings, given: &[(&str, &str)], body: &[u8]) -> Vec<Finding> {
    let explanation = explained(settings, given, body);
    assert!(explanation.answer.is_err(), "{explanation:?}");
    explanation.findings
}

fn mac(key: &[u8], body: &[u8]) -> Vec<u8> {
    let keyed = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(key).unwrap();
    keyed.chain_update(body).finalize().into_bytes().to_vec()
}

fn hex(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", HEXLOWER.encode(&mac(key, body)))
}

fn hmac_body() -> EndpointSettings {
    let old = ("old", "another-secret-of-no-use", None);
    settings(Authentication::HmacBody(HmacBody::default()), &[old, ("a", SECRET, None)])
}

/// What is found when the default settings get a body signed with this key.
fn of_body(key: &[u8], signed: &[u8], received: &[u8]) -> Vec<Finding> {
    found(&hmac_body(), &[("x-mac-signature", &hex(key, signed))], received)
}

#[test]
fn a_right_request_is_right() {
    let explanation = explained(&hmac_body(), &[("x-mac-signature", &hex(SECRET.as_bytes(), BODY))], BODY);
    assert_eq!(explanation, Explanation { answer: Ok("a".into()), findings: Vec::new() });
}

#[test]
fn a_body_that_was_changed_is_told_from_a_wrong_key_where_it_can_be() {
    let lines = b"{\"type\": \"mo\",\n\"text\": \"x\"}\n";
    let crlf = b"{\"type\": \"mo\",\r\n\"text\": \"x\"}\r\n";
    let marked = [b"\xef\xbb\xbf", BODY].concat();
    let with = |end: &[u8]| [BODY, end].concat();
    for (signed, received, change) in [
        (BODY, &with(b"\n")[..], BodyChange::WithoutLastLineBreak),
        (BODY, &with(b"\r\n"), BodyChange::WithoutLastLineBreak),
        (&with(b"\n"), BODY, BodyChange::WithLineFeed),
        (&with(b"\r\n"), BODY, BodyChange::WithCrLf),
        (lines, crlf, BodyChange::LineFeeds),
        (crlf, lines, BodyChange::CrLfs),
        (BODY, &marked, BodyChange::WithoutByteOrderMark),
        (&marked, BODY, BodyChange::WithByteOrderMark),
        (b"", BODY, BodyChange::Empty),
    ] {
        assert_eq!(of_body(SECRET.as_bytes(), signed, received), [Finding::Body(change)]);
    }
    for (signed, spelling) in [
        ("{\"type\":\"mo\",\"text\":\"Kā \\\"1/2\\\"\"}", "without blanks"),
        ("{\"type\": \"mo\", \"text\": \"Kā \\\"1/2\\\"\"}", "with a blank after commas and colons"),
        ("{\n  \"type\": \"mo\",\n  \"text\": \"Kā \\\"1/2\\\"\"\n}", "in lines, indented by two"),
        (
            "{\"type\": \"mo\", \"text\": \"K\\u0101 \\\"1/2\\\"\"}",
            "with a blank after commas and colons, in ASCII",
        ),
        (
            "{\"type\":\"mo\",\"text\":\"K\\u0101 \\\"1\\/2\\\"\"}",
            "without blanks, in ASCII, with its slashes escaped",
        ),
        ("{\"text\":\"Kā \\\"1/2\\\"\",\"type\":\"mo\"}", "with its keys sorted, without blanks"),
    ] {
        let expected = [Finding::Body(BodyChange::Json(spelling))];
        assert_eq!(of_body(SECRET.as_bytes(), signed.as_bytes(), BODY), expected, "{signed}");
    }
    assert_eq!(of_body(SECRET.as_bytes(), b"something else", BODY), [Finding::WrongKeyOrBody]);
    assert_eq!(of_body(b"another key", BODY, BODY), [Finding::WrongKeyOrBody]);
}

#[test]
fn a_key_that_is_read_differently_is_named() {
    let stripped = SECRET.strip_prefix("whsec_").unwrap();
    let decoded = BASE64.decode(stripped.as_bytes()).unwrap();
    for (key, findings) in [
        (stripped.as_bytes().to_vec(), vec![Finding::KeyEncoding(KeyEncoding::Utf8Stripped)]),
        (decoded, vec![Finding::KeyEncoding(KeyEncoding::Base64)]),
        (format!("{SECRET}\n").into_bytes(), vec![Finding::SecretBlanks]),
        (
            format!("{stripped}\n").into_bytes(),
            vec![Finding::KeyEncoding(KeyEncoding::Utf8Stripped), Finding::SecretBlanks],
        ),
    ] {
        assert_eq!(of_body(&key, BODY, BODY), findings);
    }
    // Two things at once are found, too.
    let both = [Finding::KeyEncoding(KeyEncoding::Utf8Stripped), Finding::Body(BodyChange::WithLineFeed)];
    assert_eq!(of_body(stripped.as_bytes(), &[BODY, b"\n"].concat(), BODY), both);
    let blank = settings(Authentication::Github {}, &[("a", " padded-secret ", None)]);
    let given = [("x-hub-signature-256", &hex(b"padded-secret", BODY)[..])];
    assert_eq!(found(&blank, &given, BODY), [Finding::SecretBlanks]);
}

#[test]
fn a_signature_in_another_place_is_found() {
    let right = hex(SECRET.as_bytes(), BODY);
    let bare = right.strip_prefix("sha256=").unwrap();
    let base64 = BASE64.encode(&mac(SECRET.as_bytes(), BODY));
    let absent = || Finding::MissingHeader("x-mac-signature".into());
    let malformed = || Finding::Malformed { form: "sha256= and 64 hex digits".into() };
    for (name, value, expected) in [
        ("x-signature", &right[..], vec![absent(), Finding::Header("x-signature".into())]),
        (
            "x-signature",
            bare,
            vec![absent(), Finding::Header("x-signature".into()), Finding::Prefix(String::new())],
        ),
        ("x-mac-signature", bare, vec![malformed(), Finding::Prefix(String::new())]),
        ("x-mac-signature", &format!("v1={bare}"), vec![malformed(), Finding::Prefix("v1=".into())]),
        ("x-mac-signature", &format!("sha256={base64}"), vec![malformed(), Finding::Base64Mac]),
        ("x-hub-signature-256", &right, vec![absent(), Finding::Scheme("github")]),
        ("x-mac-signature", "nonsense", vec![malformed()]),
        ("x-something-else", "1", vec![absent()]),
    ] {
        assert_eq!(found(&hmac_body(), &[(name, value)], BODY), expected, "{name}: {value}");
    }
    let two = [("x-mac-signature", &right[..]), ("x-mac-signature", "other")];
    assert_eq!(found(&hmac_body(), &two, BODY), [Finding::ConflictingHeader("x-mac-signature".into())]);
}

#[test]
fn an_old_key_and_a_clock_are_named_with_their_times() {
    let ended = NOW - 60;
    let both = settings(
        Authentication::HmacBody(HmacBody::default()),
        &[("old", SECRET, Some(ended)), ("new", "another-secret-of-no-use", None)],
    );
    let given = hex(SECRET.as_bytes(), BODY);
    let expected = [Finding::ExpiredSecret { id: "old".into(), ended: at(ended) }];
    assert_eq!(found(&both, &[("x-mac-signature", &given)], BODY), expected);

    let stripe = settings(Authentication::Stripe {}, &[("a", SECRET, None)]);
    for (timestamp, findings) in [
        (NOW - 301, [Finding::Clock { age_seconds: 301 }]),
        (NOW + 400, [Finding::Clock { age_seconds: -400 }]),
        (NOW * 1000, [Finding::Milliseconds]),
    ] {
        let signed = [timestamp.to_string().as_bytes(), b".", BODY].concat();
        let value = format!("t={timestamp},v1={}", HEXLOWER.encode(&mac(SECRET.as_bytes(), &signed)));
        assert_eq!(found(&stripe, &[("stripe-signature", &value)], BODY), findings, "{timestamp}");
    }
}

#[test]
fn a_secret_that_comes_with_the_request_is_looked_for_around_its_place() {
    let secret = "canary_secret-canary_secret";
    let old = ("old", "old-secret-old-secret-old", Some(NOW - 1));
    let ended = Finding::ExpiredSecret { id: "old".into(), ended: at(NOW - 1) };
    let of = |authentication| settings(authentication, &[("a", secret, None), old]);
    let header = of(Authentication::HeaderSecret(HeaderSecret::default()));
    for (name, value, expected) in [
        ("x-webhook-secret", "wrong", vec![Finding::WrongSecret]),
        ("x-webhook-secret", &format!("\"{secret}\""), vec![Finding::SecretBlanks]),
        ("x-webhook-secret", &format!("Bearer {secret}"), vec![Finding::Prefix("Bearer ".into())]),
        ("x-webhook-secret", old.1, vec![ended.clone()]),
        ("x-other", secret, vec![Finding::Header("x-other".into())]),
        ("x-other", "wrong", vec![Finding::MissingHeader("x-webhook-secret".into())]),
    ] {
        assert_eq!(found(&header, &[(name, value)], BODY), expected, "{name}: {value}");
    }
    let basic = of(Authentication::Basic(Basic { user: "gateway".into() }));
    for (credentials, expected) in [
        (format!("other:{secret}"), vec![Finding::User { expected: "gateway".into() }]),
        (format!("gateway:{secret}\n"), vec![Finding::SecretBlanks]),
        ("gateway:wrong".into(), vec![Finding::WrongSecret]),
        (format!("gateway:{}", old.1), vec![ended.clone()]),
    ] {
        let value = format!("Basic {}", BASE64.encode(credentials.as_bytes()));
        assert_eq!(found(&basic, &[("authorization", &value)], BODY), expected, "{credentials}");
    }
    let [Finding::Malformed { .. }] = &found(&basic, &[("authorization", "Bearer x")], BODY)[..] else {
        panic!("malformed")
    };
    assert_eq!(found(&basic, &[], BODY), [Finding::MissingHeader("authorization".into())]);

    let path = of(Authentication::PathSecret {});
    let given = |path_secret: Option<&str>| {
        let request = Request { headers: &HeaderMap::new(), path_secret, peer: None, body: BODY };
        explain(&path, &request, at(NOW)).unwrap().findings
    };
    assert_eq!(given(Some(secret)), []);
    assert_eq!(given(Some(&format!("{secret}/"))), [Finding::SecretBlanks]);
    assert_eq!(given(Some("wrong")), [Finding::WrongSecret]);
    assert_eq!(given(Some(old.1)), [ended]);
    assert_eq!(given(None), [Finding::MissingPathSecret]);
}

#[test]
fn path_and_address_are_named_beside_the_rest() {
    let mut listed = hmac_body();
    listed.addresses = Some(AllowedAddresses::new(&["192.0.2.0/24"], 0).unwrap());
    let given = headers(&[("x-mac-signature", &hex(b"wrong", BODY))]);
    for (path_secret, peer, expected) in [
        (None, None, vec![Finding::Address { known: false }, Finding::WrongKeyOrBody]),
        (None, Some("203.0.113.1"), vec![Finding::Address { known: true }, Finding::WrongKeyOrBody]),
        (Some("x"), Some("192.0.2.1"), vec![Finding::UnexpectedPathSecret, Finding::WrongKeyOrBody]),
    ] {
        let peer = peer.map(|peer: &str| peer.parse().unwrap());
        let request = Request { headers: &given, path_secret, peer, body: BODY };
        assert_eq!(explain(&listed, &request, at(NOW)).unwrap().findings, expected);
    }
}

#[test]
fn what_is_found_shows_no_secret() {
    let secret = "canary-canary-canary-canary";
    let header = settings(Authentication::HeaderSecret(HeaderSecret::default()), &[("a", secret, None)]);
    let shown = |explanation: &Explanation| {
        let lines: Vec<_> = explanation.findings.iter().map(ToString::to_string).collect();
        format!("{explanation:?} {}", lines.join(" "))
    };
    for value in [secret, "Bearer canary-canary-canary-canary", "canary-canary-canary-canar"] {
        for name in ["x-other", "x-webhook-secret"] {
            let shown = shown(&explained(&header, &[(name, value)], BODY));
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
    // What stands before a MAC may be a secret, too, when it is long.
    let value = format!("{secret}={}", HEXLOWER.encode(&mac(SECRET.as_bytes(), BODY)));
    let shown = shown(&explained(&hmac_body(), &[("x-mac-signature", &value)], BODY));
    assert!(!shown.contains("canary"), "{shown}");
}
