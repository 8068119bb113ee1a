//! What strangers write into the headers that are read as lists: every scheme that signs, and the proxies' header.

use std::net::{IpAddr, SocketAddr};

use arbtest::arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use textproof::webhook::{
    AllowedAddresses, Authentication, Dialect, Endpoint, EndpointSettings, Explanation, Refused, Request,
    SecretEntry, explain,
};

/// None that the corpora have anything right for.
const SECRET: &str = "c2VjcmV0LW9mLWFub3RoZXItZmlsZSEh";
const NOW: i64 = 1_800_000_000;
const NAMES: [&str; 9] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-hub-signature-256",
    "stripe-signature",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "authorization",
    "x-forwarded-for",
];

/// The text as the value of every header at once verifies nowhere; and as the proxies' header it names the client that
/// a plainer reader finds.
pub(crate) fn text(input: &str) {
    let Ok(value) = HeaderValue::from_bytes(input.trim_matches([' ', '\t']).as_bytes()) else { return };
    let headers =
        NAMES.iter().map(|name| (HeaderName::from_static(name), value.clone())).collect::<HeaderMap>();
    for authentication in schemes() {
        refused(authentication, &headers);
    }
    forwarded(input, &[&value]);
}

/// Several headers of several values: no panic, nothing verifies, and no explanation has nothing to say.
pub(crate) fn generated(u: &mut Unstructured<'_>) -> Result<()> {
    let now = NOW.to_string();
    let hex = "0a".repeat(32);
    let base64 = "CgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo=";
    let pieces = [
        "t=",
        "v1=",
        "v0=",
        "v1,",
        "v2,",
        "sha256=",
        "Basic ",
        ",",
        " ",
        "=",
        ".",
        ":",
        "+",
        "-",
        "[",
        "]",
        "::1",
        "203.0.113.7",
        "203.0.113.7:80",
        "msg_1",
        "9223372036854775808",
        &now,
        &hex,
        base64,
    ];
    let mut headers = HeaderMap::new();
    for _ in 0..u.int_in_range(0..=8)? {
        let name = HeaderName::from_static(u.choose(&NAMES)?);
        let mut value = String::new();
        for _ in 0..u.int_in_range(0..=8)? {
            value.push_str(u.choose(&pieces)?);
        }
        if let Ok(value) = HeaderValue::from_str(value.trim_matches(' ')) {
            headers.append(name, value);
        }
    }
    for authentication in schemes() {
        refused(authentication, &headers);
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let joined: Vec<_> = lines.iter().map(|line| line.to_str().unwrap_or_default()).collect();
    forwarded(&joined.join(","), &lines);
    Ok(())
}

fn refused(authentication: Authentication, headers: &HeaderMap) {
    let settings = settings(authentication, None);
    let request = Request { headers, path_secret: None, peer: None, body: b"{}" };
    let now = Timestamp::from_second(NOW).expect("a time");
    let Explanation { answer, findings } = explain(&settings, &request, now).expect("sound settings");
    assert!(answer.is_err() && !findings.is_empty(), "{headers:?} {answer:?}");
    let shown = findings.iter().map(ToString::to_string).collect::<String>();
    assert!(!shown.contains(SECRET), "{shown}");
}

fn forwarded(text: &str, lines: &[&HeaderValue]) {
    let addresses = AllowedAddresses::new(&["203.0.113.0/24", "2001:db8::/32"], 1).expect("networks");
    let endpoint =
        Endpoint::new(settings(Authentication::PathSecret {}, Some(addresses))).expect("sound settings");
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("x-forwarded-for", (*line).clone());
    }
    let peer = "10.0.0.1".parse().ok();
    let request = Request { headers: &headers, path_secret: Some(SECRET), peer, body: b"{}" };
    let answer = endpoint.verify(&request, Timestamp::UNIX_EPOCH).map(|_| ());
    let last = text.split(',').next_back().unwrap_or_default().trim_matches([' ', '\t']);
    assert_eq!(answer, plainly(last), "{text:?}");
}

fn plainly(entry: &str) -> std::result::Result<(), Refused> {
    let bare = match (entry.strip_prefix('['), entry.ends_with(']')) {
        (Some(rest), true) => &rest[..rest.len() - 1],
        _ => entry,
    };
    let with_port = entry.parse::<SocketAddr>().map(|address| address.ip());
    let Ok(address) = bare.parse::<IpAddr>().or(with_port) else { return Err(Refused::UnknownAddress) };
    let listed = match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[..3] == [203, 0, 113],
        IpAddr::V6(address) => address.segments()[..2] == [0x2001, 0xdb8],
    };
    if listed { Ok(()) } else { Err(Refused::AddressNotAllowed) }
}

fn schemes() -> [Authentication; 6] {
    [
        Authentication::StandardWebhooks {},
        Authentication::Github {},
        Authentication::Stripe {},
        Authentication::Slack {},
        Authentication::Basic(textproof::webhook::Basic::default()),
        Authentication::HmacBody(textproof::webhook::HmacBody::default()),
    ]
}

fn settings(authentication: Authentication, addresses: Option<AllowedAddresses>) -> EndpointSettings {
    EndpointSettings {
        name: "hook".into(),
        tenant: "default".into(),
        dialect: Dialect::Connexus,
        authentication,
        secrets: vec![SecretEntry { id: "a".into(), value: SECRET.into(), not_after: None }],
        addresses,
    }
}
