//! What is said of secrets that end, and when.

use super::{
    super::{Authentication, Basic, Dialect, Endpoint, HeaderSecret, Request, RotationNotice},
    at, build, entry, named,
};

const DAY: i64 = 24 * 3600;
const END: i64 = 100 * DAY;
const OLD: &str = "old-secret-old-secret-1";
const NEW: &str = "new-secret-new-secret-1";

fn endpoint(new_ends: Option<i64>) -> Endpoint {
    let secrets = vec![entry("old", OLD, Some(END)), entry("new", NEW, new_ends)];
    build(Dialect::Connexus, Authentication::HeaderSecret(HeaderSecret::default()), secrets)
}

fn uses(endpoint: &Endpoint, secret: &str, now: i64) {
    let headers = named(&[("x-webhook-secret", secret)]);
    let request = Request { headers: &headers, path_secret: None, peer: None, body: b"{}" };
    endpoint.verify(&request, at(now)).unwrap();
}

fn in_use(last_used: i64) -> Vec<RotationNotice> {
    vec![RotationNotice::InUse { id: "old".into(), ends: at(END), last_used: at(last_used) }]
}

#[test]
fn a_secret_in_use_is_spoken_of_a_week_before_it_ends() {
    let endpoint = endpoint(None);
    assert_eq!(endpoint.rotation_notices(at(END - DAY)), [], "nobody uses it");
    uses(&endpoint, OLD, END - 8 * DAY);
    assert_eq!(endpoint.rotation_notices(at(END - 7 * DAY - 1)), [], "there is time");
    assert_eq!(endpoint.rotation_notices(at(END - 7 * DAY)), in_use(END - 8 * DAY));
    uses(&endpoint, OLD, END - 2 * DAY);
    assert_eq!(endpoint.rotation_notices(at(END)), in_use(END - 2 * DAY));
    assert_eq!(endpoint.rotation_notices(at(END + 1)), [], "it has ended, and another one is there");
}

#[test]
fn a_sender_that_has_moved_on_is_not_spoken_of() {
    let endpoint = endpoint(None);
    uses(&endpoint, OLD, END - 10 * DAY);
    uses(&endpoint, NEW, END - DAY);
    assert_eq!(endpoint.rotation_notices(at(END - 3 * DAY - 1)), in_use(END - 10 * DAY));
    assert_eq!(endpoint.rotation_notices(at(END - 3 * DAY + 1)), []);
}

#[test]
fn a_refused_request_is_no_use() {
    let endpoint = endpoint(None);
    let headers = named(&[("x-webhook-secret", "old-secret-old-secret-2")]);
    let request = Request { headers: &headers, path_secret: None, peer: None, body: b"{}" };
    assert!(endpoint.verify(&request, at(END - DAY)).is_err());
    let headers = named(&[("x-webhook-secret", OLD)]);
    let elsewhere = Request { headers: &headers, path_secret: Some("x"), ..request };
    assert!(endpoint.verify(&elsewhere, at(END - DAY)).is_err());
    assert_eq!(endpoint.rotation_notices(at(END - DAY)), []);
}

#[test]
fn the_last_one_is_spoken_of_in_use_or_not() {
    let last = endpoint(Some(END + DAY));
    let notice = vec![RotationNotice::LastOne { id: "new".into(), ends: at(END + DAY) }];
    assert_eq!(last.rotation_notices(at(END - 6 * DAY - 1)), []);
    assert_eq!(last.rotation_notices(at(END - 6 * DAY)), notice);
    uses(&last, OLD, END - DAY);
    assert_eq!(last.rotation_notices(at(END - DAY)), [in_use(END - DAY), notice.clone()].concat());
    assert_eq!(last.rotation_notices(at(END + 1)), notice);
    assert_eq!(last.rotation_notices(at(END + DAY + 1)), [RotationNotice::AllEnded]);
}

#[test]
fn every_scheme_rotates_alike() {
    let ended = || vec![entry("old", "MDEyMzQ1Njc4OWFiY2RlZg==", Some(END))];
    for authentication in [
        Authentication::HmacBody(super::HmacBody::default()),
        Authentication::StandardWebhooks {},
        Authentication::Github {},
        Authentication::Stripe {},
        Authentication::Slack {},
        Authentication::Basic(Basic::default()),
        Authentication::HeaderSecret(HeaderSecret::default()),
    ] {
        let endpoint = build(Dialect::Connexus, authentication, ended());
        let notice = RotationNotice::LastOne { id: "old".into(), ends: at(END) };
        assert_eq!(endpoint.rotation_notices(at(END)), [notice], "{endpoint:?}");
        assert_eq!(endpoint.rotation_notices(at(END + 1)), [RotationNotice::AllEnded], "{endpoint:?}");
    }
    let path = build(Dialect::Connexus, Authentication::PathSecret {}, vec![entry("p", NEW, Some(END))]);
    assert_eq!(path.rotation_notices(at(END + 1)), [RotationNotice::AllEnded]);
    let insecure = build(Dialect::Connexus, Authentication::Insecure, Vec::new());
    assert_eq!(insecure.rotation_notices(at(END)), []);
}

#[test]
fn a_notice_says_what_to_do_and_shows_no_secret() {
    let endpoint = endpoint(None);
    uses(&endpoint, OLD, END - DAY);
    let [notice] = &endpoint.rotation_notices(at(END - DAY))[..] else { panic!("one notice") };
    assert_eq!(
        notice.to_string(),
        "the secret `old` ends at 1970-04-11T00:00:00Z and is in use, last at 1970-04-10T00:00:00Z: \
         move its sender to a newer one, or extend not_after"
    );
}
