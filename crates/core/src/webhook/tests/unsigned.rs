//! What the schemes promise that sign nothing, and what an endpoint without any does.

use data_encoding::BASE64;
use http::HeaderMap;

use super::{
    super::{
        Authentication, Basic, Dialect, Endpoint, HeaderSecret, NotUnderstood, Refused, Request, Understood,
    },
    at, build, entry, named,
};

const NEW: &str = "new-secret-new-secret-1";
const OLD: &str = "old-secret-old-secret-1";

fn answer(endpoint: &Endpoint, headers: &HeaderMap, now: i64) -> Result<String, Refused> {
    let request = Request { headers, path_secret: None, peer: None, body: b"{}" };
    endpoint.verify(&request, at(now)).map(|verified| verified.secret_id().to_owned())
}

fn both(authentication: Authentication) -> Endpoint {
    build(Dialect::Connexus, authentication, vec![entry("old", OLD, Some(100)), entry("new", NEW, None)])
}

fn basic(credentials: &str) -> HeaderMap {
    named(&[("authorization", &format!("Basic {}", BASE64.encode(credentials.as_bytes())))])
}

#[test]
fn a_password_is_right_with_its_user_and_until_it_ends() {
    let endpoint = both(Authentication::Basic(Basic { user: "gateway".into() }));
    assert!(!endpoint.signs_body());
    assert_eq!(answer(&endpoint, &basic(&format!("gateway:{NEW}")), 0), Ok("new".into()));
    assert_eq!(answer(&endpoint, &basic(&format!("gateway:{OLD}")), 100), Ok("old".into()));
    assert_eq!(answer(&endpoint, &basic(&format!("gateway:{OLD}")), 101), Err(Refused::ExpiredSecret));
    for wrong in [
        format!("Gateway:{NEW}"),
        format!("gatewa:y{NEW}"),
        format!("gateway:{NEW} "),
        format!("gateway:{}", &NEW[1..]),
        format!("gateway:{}", NEW.to_uppercase()),
        format!(":{NEW}"),
        "gateway:".into(),
        NEW.into(),
        String::new(),
    ] {
        assert_eq!(answer(&endpoint, &basic(&wrong), 0), Err(Refused::WrongSecret), "{wrong}");
    }
    let right = BASE64.encode(format!("gateway:{NEW}").as_bytes());
    for lower in ["basic", "BASIC"] {
        let headers = named(&[("authorization", &format!("{lower} {right}"))]);
        assert_eq!(answer(&endpoint, &headers, 0), Ok("new".into()), "{lower}");
    }
    for malformed in [
        String::new(),
        "Basic".into(),
        format!("Basic{right}"),
        format!("Basic  {right}"),
        format!("Bearer {right}"),
        format!("Basic {right}="),
        right.clone(),
    ] {
        let headers = named(&[("authorization", &malformed)]);
        assert_eq!(answer(&endpoint, &headers, 0), Err(Refused::MalformedHeader), "{malformed}");
    }
    assert_eq!(answer(&endpoint, &HeaderMap::new(), 0), Err(Refused::MissingHeader));
    let mut two = basic(&format!("gateway:{NEW}"));
    two.append("authorization", basic("other:one")["authorization"].clone());
    assert_eq!(answer(&endpoint, &two, 0), Err(Refused::ConflictingHeaders));
}

#[test]
fn a_secret_in_a_header_is_compared_whole_and_until_it_ends() {
    let settings = HeaderSecret { header: http::header::AUTHORIZATION, prefix: "Bearer ".into() };
    let endpoint = both(Authentication::HeaderSecret(settings));
    let given = |value: &str, now| answer(&endpoint, &named(&[("authorization", value)]), now);
    assert_eq!(given(&format!("Bearer {NEW}"), 0), Ok("new".into()));
    assert_eq!(given(&format!("Bearer {OLD}"), 100), Ok("old".into()));
    assert_eq!(given(&format!("Bearer {OLD}"), 101), Err(Refused::ExpiredSecret));
    for wrong in [String::new(), NEW[1..].into(), format!("{NEW}x"), NEW.to_uppercase(), format!(" {NEW}")] {
        assert_eq!(given(&format!("Bearer {wrong}"), 0), Err(Refused::WrongSecret), "{wrong}");
    }
    for malformed in [NEW.to_owned(), format!("bearer {NEW}"), format!("Bearer{NEW}"), "Basic x".into()] {
        assert_eq!(given(&malformed, 0), Err(Refused::MalformedHeader), "{malformed}");
    }
    assert_eq!(answer(&endpoint, &HeaderMap::new(), 0), Err(Refused::MissingHeader));
    let two = named(&[("authorization", &format!("Bearer {NEW}")), ("authorization", "Bearer x")]);
    assert_eq!(answer(&endpoint, &two, 0), Err(Refused::ConflictingHeaders));

    let plain = both(Authentication::HeaderSecret(HeaderSecret::default()));
    assert_eq!(answer(&plain, &named(&[("x-webhook-secret", NEW)]), 0), Ok("new".into()));
}

#[test]
fn an_insecure_endpoint_takes_everything_and_says_so() {
    let endpoint = build(Dialect::Connexus, Authentication::Insecure, Vec::new());
    assert_eq!((endpoint.scheme_name(), endpoint.signs_body()), ("none", false));
    let [warning] = endpoint.warnings() else { panic!("{:?}", endpoint.warnings()) };
    assert!(warning.to_string().contains("INSECURE"), "{warning}");
    let headers = HeaderMap::new();
    assert_eq!(answer(&endpoint, &headers, 0), Ok("none".into()));
    let request = Request { headers: &headers, path_secret: None, peer: None, body: b"hello" };
    let Understood::BadRequest(reason) = endpoint.verify(&request, at(0)).unwrap().understand(at(0)) else {
        panic!("a bad request")
    };
    assert!(matches!(reason, NotUnderstood::Json(_)));
    let elsewhere = Request { path_secret: Some("x"), ..request };
    assert_eq!(endpoint.verify(&elsewhere, at(0)).unwrap_err(), Refused::UnexpectedPathSecret);
}
