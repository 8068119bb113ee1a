//! What verification promises: forgeries, rotation, classes of answers, and nothing printed.

use proptest::prelude::*;

use super::{
    super::{AnswerClass, Authentication, Dialect, Endpoint, HmacBody, Refused, Request},
    PATH_SECRET, SECRET, at, build, entry, headers, signature, signed, unsigned, verify,
};

const BODY: &[u8] =
    br#"{"event":"message.received","from":"919876543210","to":"911234500000","text":"canary"}"#;

#[test]
fn two_hosts_with_one_configuration_agree() {
    let value = signature(SECRET, BODY);
    for host in [signed(Dialect::MobileApiConnect), signed(Dialect::MobileApiConnect)] {
        assert_eq!(verify(&host, &[value.as_bytes()], BODY, 0), Ok("a".into()));
    }
}

#[test]
fn a_forged_a_reserialised_and_a_truncated_body_are_refused() {
    let endpoint = signed(Dialect::MobileApiConnect);
    let genuine = signature(SECRET, BODY);
    let spaced = BODY.to_vec().into_iter().chain([b'\n']).collect::<Vec<u8>>();
    let reordered =
        br#"{"from":"919876543210","event":"message.received","to":"911234500000","text":"canary"}"#;
    for body in [&BODY[..BODY.len() - 1], b"", &spaced, reordered] {
        let answer = verify(&endpoint, &[genuine.as_bytes()], body, 0);
        assert_eq!(answer, Err(Refused::SignatureMismatch));
    }
    let forged = signature("whsec_another-secret-entirely", BODY);
    assert_eq!(verify(&endpoint, &[forged.as_bytes()], BODY, 0), Err(Refused::SignatureMismatch));
}

#[test]
fn a_signature_is_exactly_prefix_and_64_hex_digits() {
    let endpoint = signed(Dialect::MobileApiConnect);
    let good = signature(SECRET, BODY);
    let hex = &good["sha256=".len()..];
    for bad in [
        String::new(),
        "sha256=".into(),
        hex.into(),
        format!("SHA256={hex}"),
        format!("sha256= {hex}"),
        format!("{good} "),
        format!("{good}00"),
        good[..good.len() - 1].into(),
        good[..good.len() - 2].into(),
        format!("{good}, {good}"),
        format!("sha256=sha256={hex}"),
        format!("sha1={hex}"),
        format!("sha256={}", "zz".repeat(32)),
    ] {
        assert_eq!(verify(&endpoint, &[bad.as_bytes()], BODY, 0), Err(Refused::MalformedHeader), "{bad}");
    }
    assert!(verify(&endpoint, &[format!("sha256={}", hex.to_uppercase()).as_bytes()], BODY, 0).is_ok());
    assert_eq!(verify(&endpoint, &[], BODY, 0), Err(Refused::MissingHeader));
}

#[test]
fn a_repeated_header_counts_once_and_two_values_are_refused() {
    let endpoint = signed(Dialect::MobileApiConnect);
    let good = signature(SECRET, BODY);
    let other = signature("other", BODY);
    let (good, other) = (good.as_bytes(), other.as_bytes());
    assert!(verify(&endpoint, &[good, good], BODY, 0).is_ok());
    for values in [[good, other], [other, good], [good, b""]] {
        assert_eq!(verify(&endpoint, &values, BODY, 0), Err(Refused::ConflictingHeaders));
    }
    assert_eq!(verify(&endpoint, &[good, good, other], BODY, 0), Err(Refused::ConflictingHeaders));
}

#[test]
fn a_rotation_accepts_both_secrets_until_the_old_ones_end() {
    let entries = || vec![entry("old", "old-secret-old-secret", Some(100)), entry("new", SECRET, None)];
    let endpoint = build(Dialect::MobileApiConnect, Authentication::HmacBody(HmacBody::default()), entries());
    let (old, new) = (signature("old-secret-old-secret", BODY), signature(SECRET, BODY));
    assert_eq!(verify(&endpoint, &[old.as_bytes()], BODY, 100), Ok("old".into()));
    assert_eq!(verify(&endpoint, &[old.as_bytes()], BODY, 101), Err(Refused::ExpiredSecret));
    assert_eq!(verify(&endpoint, &[new.as_bytes()], BODY, 101), Ok("new".into()));
}

#[test]
fn a_path_secret_is_matched_whole_and_ends_too() {
    let secrets = vec![entry("old", "old_path-secret-000000", Some(100)), entry("new", PATH_SECRET, None)];
    let endpoint = build(Dialect::Connexus, Authentication::PathSecret {}, secrets);
    let none = headers(&[]);
    let given = |path_secret, now| {
        let request = Request { headers: &none, path_secret, peer: None, body: BODY };
        endpoint.verify(&request, at(now)).map(|verified| verified.secret_id().to_owned())
    };
    assert_eq!(given(Some("old_path-secret-000000"), 100), Ok("old".into()));
    assert_eq!(given(Some("old_path-secret-000000"), 101), Err(Refused::ExpiredPathSecret));
    assert_eq!(given(Some(PATH_SECRET), 101), Ok("new".into()));
    assert_eq!(given(None, 0), Err(Refused::MissingPathSecret));
    let longer = format!("{PATH_SECRET}0");
    for wrong in ["", "old", &PATH_SECRET[1..], &PATH_SECRET[..PATH_SECRET.len() - 1], &longer] {
        assert_eq!(given(Some(wrong), 0), Err(Refused::WrongPathSecret), "{wrong}");
    }
}

#[test]
fn what_concerns_the_path_is_answered_like_an_unknown_endpoint() {
    let endpoint = signed(Dialect::MobileApiConnect);
    let value = signature(SECRET, BODY);
    let headers = headers(&[value.as_bytes()]);
    let request = Request { headers: &headers, path_secret: Some(SECRET), peer: None, body: BODY };
    let refused = endpoint.verify(&request, at(0)).unwrap_err();
    assert_eq!(refused, Refused::UnexpectedPathSecret);
    for refused in Refused::ALL {
        let on_path = refused.as_str().contains("path_secret");
        let expected = if on_path { AnswerClass::NotFound } else { AnswerClass::Unauthorized };
        assert_eq!(refused.answer_class(), expected, "{refused}");
    }
}

#[test]
fn what_prints_shows_neither_secret_nor_text_nor_number() {
    let value = signature(SECRET, BODY);
    let headers = headers(&[value.as_bytes()]);
    let endpoint = signed(Dialect::MobileApiConnect);
    let verified = endpoint
        .verify(&Request { headers: &headers, path_secret: None, peer: None, body: BODY }, at(0))
        .unwrap();
    let path_endpoint = unsigned(Dialect::MobileApiConnect);
    let request = Request { headers: &headers, path_secret: Some(PATH_SECRET), peer: None, body: BODY };
    let path_verified = path_endpoint.verify(&request, at(0)).unwrap();
    let shown = format!(
        "{endpoint:?} {verified:?} {:?} {path_endpoint:?} {path_verified:?} {:?}",
        verified.understand(at(0)),
        path_verified.understand(at(0))
    );
    for secret in ["test-secret", "canary", "9876543210", "1234500000"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// The endpoint's answer to a signed body in which one byte was changed.
fn accepts(endpoint: &Endpoint, value: &[u8], body: &[u8]) -> bool {
    verify(endpoint, &[value], body, 0).is_ok()
}

proptest! {
    #[test]
    fn any_changed_byte_of_the_body_is_refused(
        body in prop::collection::vec(any::<u8>(), 1..200),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let endpoint = signed(Dialect::Connexus);
        let value = signature(SECRET, &body);
        prop_assert!(accepts(&endpoint, value.as_bytes(), &body));
        let mut changed = body.clone();
        changed[at.index(body.len())] ^= flip;
        prop_assert!(!accepts(&endpoint, value.as_bytes(), &changed));
    }

    #[test]
    fn any_changed_byte_of_the_signature_is_refused(at in 0..71usize, to in 0x20..0x7fu8) {
        let endpoint = signed(Dialect::Connexus);
        let value = signature(SECRET, BODY).into_bytes();
        let mut changed = value.clone();
        changed[at] = to;
        // The case of a hex digit is no change of the signature; the case of the prefix is one.
        let same = if at < 7 { value[at] == to } else { value[at].eq_ignore_ascii_case(&to) };
        prop_assert_eq!(accepts(&endpoint, &changed, BODY), same);
    }

    #[test]
    fn any_header_and_any_path_are_answered_without_a_panic(
        value in prop::collection::vec(0x20..0x7fu8, 0..100),
        path_secret in prop::option::of(".{0,60}"),
    ) {
        let headers = headers(&[&value]);
        let request = Request { headers: &headers, path_secret: path_secret.as_deref(), peer: None, body: BODY };
        for endpoint in [signed(Dialect::Connexus), unsigned(Dialect::Connexus)] {
            prop_assert!(endpoint.verify(&request, at(0)).is_err());
        }
    }
}
