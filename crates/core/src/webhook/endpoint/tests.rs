//! What an endpoint may be built from.

use secrecy::SecretString;

use super::{
    super::{Basic, HmacBody, KeyEncoding},
    *,
};

fn settings(authentication: Authentication, secrets: &[(&str, &str)]) -> EndpointSettings {
    let entry = |&(id, value): &(&str, &str)| SecretEntry {
        id: id.into(),
        value: SecretString::from(value),
        not_after: None,
    };
    EndpointSettings {
        name: "mac".into(),
        tenant: "default".into(),
        dialect: Dialect::MobileApiConnect,
        authentication,
        secrets: secrets.iter().map(entry).collect(),
        addresses: None,
    }
}

fn hmac(secrets: &[(&str, &str)]) -> Result<Endpoint, EndpointError> {
    Endpoint::new(settings(Authentication::HmacBody(HmacBody::default()), secrets))
}

fn path(secrets: &[(&str, &str)]) -> Result<Endpoint, EndpointError> {
    Endpoint::new(settings(Authentication::PathSecret {}, secrets))
}

#[test]
fn names_fit_a_path_and_a_label() {
    for (name, good) in
        [("mac", true), ("a-1", true), ("", false), ("Mac", false), ("a/b", false), (&"a".repeat(33), false)]
    {
        let mut settings = settings(Authentication::PathSecret {}, &[("a", "AAAAAAAAAAAAAAAAAAAAAA")]);
        settings.name = name.into();
        assert_eq!(Endpoint::new(settings).is_ok(), good, "{name}");
    }
}

#[test]
fn an_endpoint_that_anyone_could_post_to_is_refused() {
    assert_eq!(hmac(&[]).unwrap_err(), EndpointError::NoSecrets);
    assert_eq!(hmac(&[("a", "")]).unwrap_err(), EndpointError::EmptySecret("a".into()));
    for weak in ["short", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAAAAAAA é"] {
        assert_eq!(path(&[("a", weak)]).unwrap_err(), EndpointError::WeakPathSecret("a".into()), "{weak}");
    }
    assert!(path(&[("a", "AAAAAAAAAAAAAAAAAAAA_-")]).is_ok());
}

#[test]
fn secrets_that_are_compared_have_128_bits_and_survive_in_a_header() {
    let basic = || Authentication::Basic(Basic::default());
    let header = || Authentication::HeaderSecret(HeaderSecret::default());
    for authentication in [basic, header].map(|authentication: fn() -> Authentication| authentication) {
        let build = |secret: &str| Endpoint::new(settings(authentication(), &[("a", secret)]));
        for weak in ["short", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAA AAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAé"]
        {
            assert_eq!(build(weak).unwrap_err(), EndpointError::WeakSecret("a".into()), "{weak}");
        }
        assert!(build("AAAAAAAAAAAAAAAAAAAA+/").is_ok());
        assert_eq!(Endpoint::new(settings(authentication(), &[])).unwrap_err(), EndpointError::NoSecrets);
    }
}

#[test]
fn a_user_ends_before_its_colon_and_a_prefix_begins_a_value() {
    let with = |authentication| Endpoint::new(settings(authentication, &[("a", "AAAAAAAAAAAAAAAAAAAAAA")]));
    for (user, good) in
        [("a", true), ("a@b.c", true), ("", false), ("a:b", false), ("a b", false), ("é", false)]
    {
        let answer = with(Authentication::Basic(Basic { user: user.into() }));
        assert_eq!(answer.err(), (!good).then_some(EndpointError::User), "{user}");
    }
    for (prefix, good) in
        [("", true), ("Bearer ", true), (" x", false), ("a\n", false), (&"a".repeat(33), false)]
    {
        let settings = HeaderSecret { prefix: prefix.into(), ..HeaderSecret::default() };
        let answer = with(Authentication::HeaderSecret(settings));
        assert_eq!(answer.err(), (!good).then_some(EndpointError::SecretPrefix), "{prefix}");
    }
}

#[test]
fn an_insecure_endpoint_has_no_secrets_and_no_scheme_leads_to_it() {
    let insecure = |secrets: &[(&str, &str)]| Endpoint::new(settings(Authentication::Insecure, secrets));
    assert_eq!(insecure(&[]).unwrap().warnings(), [EndpointWarning::Insecure]);
    assert_eq!(insecure(&[("a", "AAAAAAAAAAAAAAAAAAAAAA")]).unwrap_err(), EndpointError::InsecureWithSecrets);
    for scheme in ["none", "insecure", "Insecure", "open", ""] {
        let read = serde_json::from_str::<Authentication>(&format!(r#"{{"scheme":"{scheme}"}}"#));
        assert!(read.is_err(), "{scheme}");
    }
}

#[test]
fn nothing_left_after_the_key_encoding_is_an_empty_secret() {
    for encoding in [KeyEncoding::Utf8Stripped, KeyEncoding::Base64] {
        let auth = Authentication::HmacBody(HmacBody { key_encoding: encoding, ..HmacBody::default() });
        let error = Endpoint::new(settings(auth, &[("a", "whsec_")])).unwrap_err();
        assert_eq!(error, EndpointError::EmptySecret("a".into()));
    }
}

#[test]
fn secret_ids_are_labels_and_unique() {
    let twice = hmac(&[("a", "0123456789abcdef"), ("a", "fedcba9876543210")]);
    assert_eq!(twice.unwrap_err(), EndpointError::DuplicateSecretId("a".into()));
    assert_eq!(hmac(&[("a b", "x")]).unwrap_err(), EndpointError::SecretId { position: 1 });
}

#[test]
fn a_short_signing_key_is_a_warning() {
    let endpoint = hmac(&[("new", "0123456789abcdef"), ("old", "short")]).unwrap();
    assert_eq!(endpoint.warnings(), [EndpointWarning::ShortKey { id: "old".into(), bytes: 5 }]);
}

#[test]
fn nothing_that_prints_holds_a_secret() {
    let secrets = [("a", "whsec_canary-canary-canary")];
    let settings = settings(Authentication::HmacBody(HmacBody::default()), &secrets);
    assert!(!format!("{settings:?}").contains("canary"));
    assert!(!format!("{:?}", Endpoint::new(settings).unwrap()).contains("canary"));
    let auth = HmacBody { key_encoding: KeyEncoding::Base64, ..HmacBody::default() };
    let error = Endpoint::new(self::settings(Authentication::HmacBody(auth), &secrets)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn authentication_reads_as_configuration_writes_it() {
    let read = |json: &str| serde_json::from_str::<Authentication>(json);
    let full = r#"{"scheme":"hmac-body","header":"X-Signature","prefix":"","key_encoding":"utf8-stripped"}"#;
    let Authentication::HmacBody(read_back) = read(full).unwrap() else { panic!("hmac-body") };
    assert_eq!((read_back.header.as_str(), read_back.prefix.as_str()), ("x-signature", ""));
    assert_eq!(read_back.key_encoding, KeyEncoding::Utf8Stripped);
    assert_eq!(read(r#"{"scheme":"hmac-body"}"#).unwrap(), Authentication::HmacBody(HmacBody::default()));
    for (name, expected) in [
        ("path-secret", Authentication::PathSecret {}),
        ("standard-webhooks", Authentication::StandardWebhooks {}),
        ("github", Authentication::Github {}),
        ("stripe", Authentication::Stripe {}),
        ("slack", Authentication::Slack {}),
        ("basic", Authentication::Basic(Basic::default())),
        ("header-secret", Authentication::HeaderSecret(HeaderSecret::default())),
    ] {
        assert_eq!(read(&format!(r#"{{"scheme":"{name}"}}"#)).unwrap(), expected);
        let built = Endpoint::new(settings(expected, &[("a", secret(name))]));
        assert_eq!(built.unwrap().scheme_name(), name);
    }
    for bad in [
        r#"{"scheme":"path-secret","header":"x"}"#,
        r#"{"scheme":"hmac-body","headers":"x"}"#,
        r#"{"scheme":"hmac-body","header":"no spaces"}"#,
        r#"{"scheme":"none"}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

/// Base64 where the scheme wants it, url-safe where that does.
fn secret(scheme: &str) -> &'static str {
    if scheme == "standard-webhooks" { "MDEyMzQ1Njc4OWFiY2RlZg==" } else { "MDEyMzQ1Njc4OWFiY2RlZg" }
}
