use axum::http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use textproof::event::Content;
use textproof::webhook::{Dialect, Endpoint, Refused, Request, Understood};

use super::{load, problem_with};

const SCHEMES: &str =
    "`hmac-body`, `standard-webhooks`, `github`, `stripe`, `slack`, `path-secret`, `basic`, `header-secret`";
const PATH_SECRET: &str = "abcdefghijklmnopqrstuv";

const IN_PATH: &str = "auth.scheme='path-secret'\nsecrets=[{id='a',value='abcdefghijklmnopqrstuv'}]";

const BOTH: &str = r#"
[[endpoint]]
name = "mac"
tenant = "acme"
dialect = "mobile-api-connect"
auth = { scheme = "hmac-body", header = "X-Signature", prefix = "", key_encoding = "base64" }
secrets = [
    { id = "2026-11", value = "whsec_AAECAwQFBgcICQoLDA0ODw==" },
    { id = "2026-05", value = "EBESExQVFhcYGRobHB0eHw==", not_after = "2026-12-01T00:00:00Z" },
    { id = "2026-04", value = "ICEiIyQlJicoKSorLC0uLw==", not_after = 2026-12-01T00:00:00Z },
]

[[endpoint]]
name = "web-sms"
dialect = "connexus"
auth = { scheme = "path-secret" }
secrets = [{ id = "a", value = "abcdefghijklmnopqrstuv" }]
"#;

/// HMAC-SHA-256 of `{}` under the keys of `mac`, in their order.
const SIGNATURES: [&str; 3] = [
    "95e96754e2f99988fe7d49a9e8eb6ce82cb237588a846cbabea73eaba1a3b9d5",
    "1a44c7d674228ef784696c3f6320b3e6635e996f48c929e5e5a954c3ba0c44f2",
    "8187e3635656fc540d4a9466d44816dea5396b95824895b5af365bf38ff62154",
];

/// The same under the key `b`.
const SIGNATURE_OF_B: &str = "sha256=14c1a1020a9328eb4aae1d6652618d00195399e366d452f8cd52b467b0a1ebac";

#[test]
fn endpoints_are_read_in_their_order() {
    let ingest = load(BOTH, &[]).unwrap().require_ingest().unwrap();
    let [mac, websms] = &ingest.endpoints[..] else { panic!("{ingest:?}") };
    assert_eq!(
        (mac.name(), mac.tenant(), mac.dialect(), mac.scheme_name()),
        ("mac", "acme", Dialect::MobileApiConnect, "hmac-body")
    );
    for (signature, before, after) in [
        (SIGNATURES[0], Ok("2026-11"), Ok("2026-11")),
        (SIGNATURES[1], Ok("2026-05"), Err(Refused::ExpiredSecret)),
        (SIGNATURES[2], Ok("2026-04"), Err(Refused::ExpiredSecret)),
    ] {
        let now = |time| signed(mac, "x-signature", signature, time);
        assert_eq!(now("2026-12-01T00:00:00Z"), before.map(str::to_owned));
        assert_eq!(now("2026-12-01T00:00:01Z"), after.map(str::to_owned));
    }
    assert_eq!(
        (websms.name(), websms.tenant(), websms.dialect(), websms.scheme_name()),
        ("web-sms", "default", Dialect::Connexus, "path-secret")
    );
    assert_eq!(in_path(websms, PATH_SECRET), Ok("a".to_owned()));
    assert!(ingest.warnings.is_empty());
}

#[test]
fn an_endpoint_has_the_tenant_of_the_codes_unless_it_says_otherwise() {
    let config = load(&format!("[otp]\ntenant = \"shop\"\n{BOTH}"), &[]).unwrap();
    let tenants: Vec<_> = config
        .require_ingest()
        .unwrap()
        .endpoints
        .iter()
        .map(|endpoint| endpoint.tenant().to_owned())
        .collect();
    assert_eq!(tenants, ["acme", "shop"], "a STOP stops what the codes' tenant sends");
    assert_eq!(config.tenants(), ["acme", "shop"]);
}

#[test]
fn a_signature_over_the_body_has_defaults() {
    let text = endpoint(
        "dialect = 'mobile-api-connect'\nauth.scheme = 'hmac-body'\nsecrets = [{ id = 'a', value = 'b' }]",
    );
    let ingest = load(&text, &[]).unwrap().require_ingest().unwrap();
    let matched = signed(&ingest.endpoints[0], "x-mac-signature", SIGNATURE_OF_B, "2026-12-01T00:00:00Z");
    assert_eq!(matched, Ok("a".to_owned()));
    assert_eq!(ingest.warnings, ["endpoint e: the secret `a` has a key of 1 bytes; 16 or more are advised"]);
}

#[test]
fn variables_replace_what_the_file_says_of_an_endpoint() {
    let variables = [
        ("TEXTPROOF_ENDPOINT_WEB_SMS_TENANT", "other"),
        ("TEXTPROOF_ENDPOINT_MAC_AUTH", "{ scheme = 'path-secret' }"),
        ("TEXTPROOF_ENDPOINT_MAC_SECRETS", "[{ id = 'env', value = 'zyxwvutsrqponmlkjihgfe' }]"),
    ];
    let config = load(BOTH, &variables).unwrap();
    let ingest = config.require_ingest().unwrap();
    assert_eq!(ingest.endpoints[1].tenant(), "other");
    assert_eq!(in_path(&ingest.endpoints[0], "zyxwvutsrqponmlkjihgfe"), Ok("env".to_owned()));
    assert!(!config.effective().to_string().contains("zyxwv"));
    assert_eq!(
        problem_with(BOTH, &[("TEXTPROOF_ENDPOINT_MAC_AUTH", "{ scheme = 'twilio' }")]),
        format!(
            "endpoint.mac.auth.scheme (TEXTPROOF_ENDPOINT_MAC_AUTH): this version does not know \"twilio\": \
             unknown variant `twilio`, expected one of {SCHEMES}"
        )
    );
    assert_eq!(
        problem_with(BOTH, &[("TEXTPROOF_ENDPOINT_MAC_AUTH", "github")]),
        "endpoint.mac.auth (TEXTPROOF_ENDPOINT_MAC_AUTH): must be a table"
    );
}

#[test]
fn endpoints_that_are_not_safe_or_not_known_are_refused() {
    let path = |secrets: &str| format!("dialect='connexus'\nauth.scheme='path-secret'\nsecrets={secrets}");
    let hmac = |auth: &str, value: &str| {
        format!("dialect='connexus'\nauth={{scheme='hmac-body'{auth}}}\nsecrets=[{{id='a',value='{value}'}}]")
    };
    for (rest, expected) in [
        ("", "endpoint.e.dialect (FILE): is not set: it says what the JSON means"),
        (
            &format!("tenant=''\n{}", path("[{id='a',value='abcdefghijklmnopqrstuv'}]")),
            "endpoint.e.tenant (FILE): an endpoint's tenant is 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
        ),
        (
            "dialect='twilio'",
            "endpoint.e.dialect (FILE): this version does not know \"twilio\": a dialect is connexus, mobile-api-connect or generic",
        ),
        ("dialect='connexus'", "endpoint.e.auth.scheme (FILE): is not set, and anyone could post here"),
        (
            "dialect='connexus'\nauth.scheme='none'",
            &format!(
                "endpoint.e.auth.scheme (FILE): this version does not know \"none\": unknown variant `none`, expected one of {SCHEMES}"
            ),
        ),
        (
            "dialect='connexus'\nauth={scheme='path-secret',header='X'}",
            "endpoint.e.auth (FILE): path-secret has no header",
        ),
        (&hmac(",header='X Y'", "b"), "endpoint.e.auth.header (FILE): \"X Y\" is no header name"),
        (
            &hmac(",prefix='a b'", "b"),
            "endpoint.e.auth.prefix (FILE): the signature prefix is at most 32 visible ASCII characters",
        ),
        (
            &hmac(",key_encoding='hex'", "b"),
            "endpoint.e.auth.key_encoding (FILE): unknown variant `hex`, expected one of `utf8`, `utf8-stripped`, `base64`",
        ),
        (
            &hmac(",key_encoding='base64'", "%"),
            "endpoint.e.secrets (FILE): the secret `a` is not standard base64 with padding (RFC 4648, section 4), as its scheme or key_encoding says",
        ),
        (
            &hmac(",key_encoding='utf8-stripped'", "whsec_"),
            "endpoint.e.secrets (FILE): the secret `a` is empty",
        ),
        (&hmac("", ""), "endpoint.e.secrets number 1 value (FILE): is empty"),
        (&path("[]"), "endpoint.e.secrets (FILE): the endpoint has no secrets: anyone could post to it"),
        (
            &path("[{value='abcdefghijklmnopqrstuv'}]"),
            "endpoint.e.secrets (FILE): the id of secret number 1 is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
        ),
        (&path("[{id='a'}]"), "endpoint.e.secrets (FILE): number 1 needs a value or a value_file"),
        (
            &path("[{id='a',value='b',value_file='c'}]"),
            "endpoint.e.secrets number 1 value and endpoint.e.secrets number 1 value_file are both set: keep one",
        ),
        (
            &path("[{id='a',value='abcdefghijklmnopqrstuv'},{id='a',value='abcdefghijklmnopqrstuv'}]"),
            "endpoint.e.secrets (FILE): two secrets have the id `a`",
        ),
        (
            &path("[{id='a',value='abcdefghijklmnopqrstu'}]"),
            "endpoint.e.secrets (FILE): the path secret `a` needs at least 22 characters (128 bits) of A-Z, a-z, 0-9, '_' and '-'",
        ),
        (
            &path("[{id='a',value='abcdefghijklmnopqrstuv/'}]"),
            "endpoint.e.secrets (FILE): the path secret `a` needs at least 22 characters (128 bits) of A-Z, a-z, 0-9, '_' and '-'",
        ),
        (
            &path("[{id='a',value='abcdefghijklmnopqrstuv',not_after='soon'}]"),
            "endpoint.e.secrets (FILE): not_after of number 1 must be a time such as \"2026-12-01T00:00:00Z\"",
        ),
    ] {
        assert_eq!(problem_with(&endpoint(rest), &[]), expected);
    }
}

#[test]
fn a_generic_endpoint_is_read_where_its_pointers_say() {
    let pointers = "pointers = { type = '/t', reply_types = ['in'], from = '/from', to = '/to', text = '/text', \
                    statuses = { delivered = ['ok'] } }";
    let generic = |pointers: &str| endpoint(&format!("dialect='generic'\n{IN_PATH}\n{pointers}"));
    let body = br#"{"t":"in","from":"6421234567","to":"552","text":"hello"}"#;
    let read = |text: &str, variables: &[(&str, &str)]| {
        let ingest = load(text, variables).unwrap().require_ingest().unwrap();
        let request =
            Request { headers: &HeaderMap::new(), path_secret: Some(PATH_SECRET), peer: None, body };
        let now = Timestamp::UNIX_EPOCH;
        let Understood::Event { event, .. } =
            ingest.endpoints[0].verify(&request, now).unwrap().understand(now)
        else {
            panic!("an event")
        };
        event.content
    };
    assert!(matches!(read(&generic(pointers), &[]), Content::Reply(reply) if reply.text == "hello"));
    assert!(matches!(read(&generic(""), &[]), Content::Other(_)));
    let variable = [("TEXTPROOF_ENDPOINT_E_POINTERS", "{ message_id = '/from' }")];
    assert!(
        matches!(read(&generic(pointers), &variable), Content::Other(other) if other.message_id.is_some())
    );

    for (rest, expected) in [
        (generic("pointers={id='/a'}"), "unknown key `id` in [[endpoint]] pointers"),
        (
            generic("pointers={message_id='a'}"),
            "endpoint.e.pointers (FILE): `message_id` is no JSON pointer to a field (RFC 6901)",
        ),
        (
            generic("pointers={type='/t'}"),
            "endpoint.e.pointers (FILE): `type` and at least one of reply_types",
        ),
        (generic("pointers={statuses={unknown=['a']}}"), "unknown key `unknown`"),
        (
            endpoint(&format!("dialect='connexus'\n{IN_PATH}\npointers={{}}")),
            "endpoint.e.pointers (FILE): only the generic dialect has pointers",
        ),
    ] {
        let problem = problem_with(&rest, &[]);
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn every_scheme_is_read_with_the_settings_that_it_has() {
    let secret = "secrets=[{id='a',value='MDEyMzQ1Njc4OWFiY2RlZjAxMjM='}]";
    let of = |auth: &str| endpoint(&format!("dialect='connexus'\nauth={{{auth}}}\n{secret}"));
    for (auth, name) in [
        ("scheme='standard-webhooks'", "standard-webhooks"),
        ("scheme='github'", "github"),
        ("scheme='stripe'", "stripe"),
        ("scheme='slack'", "slack"),
        ("scheme='basic',user='gateway'", "basic"),
        ("scheme='header-secret',header='Authorization',prefix='Bearer '", "header-secret"),
    ] {
        let ingest = load(&of(auth), &[]).unwrap().require_ingest().unwrap();
        assert_eq!((ingest.endpoints[0].scheme_name(), &ingest.warnings[..]), (name, &[][..]), "{auth}");
    }
    let headers = HeaderMap::from_iter([(
        axum::http::header::AUTHORIZATION,
        // gateway:MDEy…
        "Basic Z2F0ZXdheTpNREV5TXpRMU5qYzRPV0ZpWTJSbFpqQXhNak09".parse().unwrap(),
    )]);
    let ingest = load(&of("scheme='basic',user='gateway'"), &[]).unwrap().require_ingest().unwrap();
    let matched = matched(&ingest.endpoints[0], &headers, None, Timestamp::UNIX_EPOCH);
    assert_eq!(matched, Ok("a".to_owned()));
    for (auth, expected) in [
        ("scheme='github',header='X'", "auth (FILE): github has no header"),
        ("scheme='stripe',prefix='v1='", "auth (FILE): stripe has no prefix"),
        (
            "scheme='standard-webhooks',key_encoding='utf8'",
            "auth (FILE): standard-webhooks has no key_encoding",
        ),
        ("scheme='hmac-body',user='a'", "auth (FILE): hmac-body has no user"),
        ("scheme='header-secret',key_encoding='utf8'", "auth (FILE): header-secret has no key_encoding"),
        ("scheme='basic',header='X'", "auth (FILE): basic has no header"),
        (
            "scheme='basic',user='a:b'",
            "auth.user (FILE): the user is 1 to 64 visible ASCII characters without a colon",
        ),
        ("scheme='header-secret',header='a b'", "auth.header (FILE): \"a b\" is no header name"),
        (
            "scheme='header-secret',prefix=' x'",
            "auth.prefix (FILE): the prefix of the secret is at most 32 printable ASCII characters and begins with no blank",
        ),
    ] {
        assert_eq!(problem_with(&of(auth), &[]), format!("endpoint.e.{expected}"), "{auth}");
    }
    let short = of("scheme='header-secret'").replace("MDEyMzQ1Njc4OWFiY2RlZjAxMjM=", "short");
    assert_eq!(
        problem_with(&short, &[]),
        "endpoint.e.secrets (FILE): the secret `a` needs at least 22 visible ASCII characters (128 bits)"
    );
}

#[test]
fn only_insecure_true_alone_makes_an_endpoint_that_anyone_may_post_to() {
    let open = endpoint("dialect='connexus'\ninsecure=true");
    let ingest = load(&open, &[]).unwrap().require_ingest().unwrap();
    assert_eq!(ingest.endpoints[0].scheme_name(), "none");
    assert_eq!(
        ingest.warnings,
        ["endpoint e: INSECURE: anyone who reaches this server can post here, as insecure = true says"]
    );
    let beside = "endpoint.e.insecure (FILE): is true, and auth or secrets stand beside it: keep one, for true lets anyone post here";
    for rest in [
        "auth.scheme='path-secret'\nsecrets=[{id='a',value='abcdefghijklmnopqrstuv'}]",
        "auth.scheme='path-secret'",
        "secrets=[{id='a',value='abcdefghijklmnopqrstuv'}]",
        "auth={}",
    ] {
        assert_eq!(problem_with(&format!("{open}\n{rest}"), &[]), beside, "{rest}");
    }
    // A variable that was left somewhere opens nothing that has an authentication.
    let left = [("TEXTPROOF_ENDPOINT_MAC_INSECURE", "true")];
    let problem = problem_with(BOTH, &left);
    assert!(
        problem.starts_with("endpoint.mac.insecure (TEXTPROOF_ENDPOINT_MAC_INSECURE): is true"),
        "{problem}"
    );
    assert_eq!(
        problem_with(&endpoint("dialect='connexus'\ninsecure=false"), &[]),
        "endpoint.e.auth.scheme (FILE): is not set, and anyone could post here"
    );
    assert_eq!(
        problem_with(&endpoint("dialect='connexus'\ninsecure='true'"), &[]),
        "[[endpoint]] insecure (FILE): must be true or false"
    );
}

#[test]
fn addresses_are_held_against_a_list_behind_the_configured_proxies() {
    let text = |more: &str| {
        endpoint(&format!(
            "dialect='connexus'\nauth.scheme='path-secret'\nsecrets=[{{id='a',value='{PATH_SECRET}'}}]\n{more}"
        ))
    };
    let listed = text("addresses=['203.0.113.0/24', '2001:db8::7']");
    let forwarded =
        HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), "203.0.113.9".parse().unwrap())]);
    let from = |hops: &str, peer: &str| {
        let config = load(&listed, &[("TEXTPROOF_INGEST_TRUSTED_HOPS", hops)]).unwrap();
        let endpoints = config.require_ingest().unwrap().endpoints;
        let (path_secret, peer) = (Some(PATH_SECRET), peer.parse().ok());
        let request = Request { headers: &forwarded, path_secret, peer, body: b"{}" };
        endpoints[0].verify(&request, Timestamp::UNIX_EPOCH).map(|_| ())
    };
    assert_eq!(from("0", "203.0.113.1"), Ok(()));
    assert_eq!(from("0", "2001:db8::7"), Ok(()));
    assert_eq!(from("0", "192.0.2.1"), Err(Refused::AddressNotAllowed));
    assert_eq!(from("1", "192.0.2.1"), Ok(()));
    for (more, expected) in [
        (
            "addresses=[]",
            "endpoint.e.addresses (FILE): the list is empty, and nobody could post: leave it out, or name 1 to 1024 networks",
        ),
        (
            "addresses=['example.com']",
            "endpoint.e.addresses (FILE): \"example.com\" is neither an address nor a network such as \"203.0.113.0/24\"",
        ),
        (
            "addresses=['203.0.113.9/24']",
            "endpoint.e.addresses (FILE): 203.0.113.9/24 has bits beyond its prefix: write 203.0.113.0/24 for the network",
        ),
    ] {
        assert_eq!(problem_with(&text(more), &[]), expected);
    }
    assert_eq!(
        problem_with(BOTH, &[("TEXTPROOF_INGEST_TRUSTED_HOPS", "17")]),
        "ingest.trusted_hops (TEXTPROOF_INGEST_TRUSTED_HOPS): must be between 0 and 16"
    );
}

#[test]
fn one_endpoint_can_be_looked_at_without_the_secrets_of_others() {
    let text = format!(
        "{BOTH}\n[[endpoint]]\nname='other'\ndialect='connexus'\nauth.scheme='github'\nsecrets=[{{id='a',value_file='/nowhere'}}]"
    );
    let config = load(&text, &[]).unwrap();
    assert_eq!(config.endpoint_names(), ["mac", "web-sms", "other"]);
    let settings = config.endpoint_settings("mac").unwrap().unwrap();
    assert_eq!((settings.name.as_str(), settings.secrets.len()), ("mac", 3));
    assert!(config.endpoint_settings("nobody").unwrap().is_none());
    assert!(config.endpoint_settings("other").is_err() && config.require_ingest().is_err());
}

#[test]
fn names_are_plain_and_differ() {
    let rest = "dialect='connexus'\nauth.scheme='hmac-body'\nsecrets=[{id='a',value='b'}]";
    for name in ["", "Mac", "a_b", "a/b", "a\\nb", "a23456789012345678901234567890123"] {
        assert_eq!(
            problem_with(&format!("[[endpoint]]\nname = \"{name}\"\n{rest}"), &[]),
            format!(
                "endpoint.{name}.name (FILE): an endpoint's name is 1 to 32 characters of a-z, 0-9 and -"
            )
        );
    }
    assert_eq!(
        problem_with(&format!("[[endpoint]]\ntenant = 'a'\n{rest}"), &[]),
        "the name of [[endpoint]] number 1 is not set: set it in FILE: NAME is posted to at /hooks/NAME"
    );
    let one = endpoint(rest);
    assert_eq!(problem_with(&format!("{one}\n{one}"), &[]), "endpoint.e.name (FILE): two endpoints have it");
}

#[test]
fn a_secret_of_an_endpoint_may_come_from_a_file() {
    let secret = super::file("abcdefghijklmnopqrstuv\n");
    let path = secret.path().display();
    let text = endpoint(&format!(
        "dialect='connexus'\nauth.scheme='path-secret'\nsecrets=[{{id='a',value_file='{path}'}}]"
    ));
    let ingest = load(&text, &[]).unwrap().require_ingest().unwrap();
    assert_eq!(in_path(&ingest.endpoints[0], PATH_SECRET), Ok("a".to_owned()));
}

fn endpoint(rest: &str) -> String {
    format!("[[endpoint]]\nname = 'e'\n{rest}")
}

/// The id of the secret that signed the body `{}`.
fn signed(endpoint: &Endpoint, header: &'static str, signature: &str, now: &str) -> Result<String, Refused> {
    let headers = HeaderMap::from_iter([(HeaderName::from_static(header), signature.parse().unwrap())]);
    matched(endpoint, &headers, None, now.parse().unwrap())
}

/// The id of the secret that stands in the path.
fn in_path(endpoint: &Endpoint, secret: &str) -> Result<String, Refused> {
    matched(endpoint, &HeaderMap::new(), Some(secret), Timestamp::UNIX_EPOCH)
}

fn matched(
    endpoint: &Endpoint,
    headers: &HeaderMap,
    path_secret: Option<&str>,
    now: Timestamp,
) -> Result<String, Refused> {
    let request = Request { headers, path_secret, peer: None, body: b"{}" };
    endpoint.verify(&request, now).map(|verified| verified.secret_id().to_owned())
}
