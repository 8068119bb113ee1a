//! Why a signature does not count.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    super::{
        claim::{Claim, TOLERANCE_SECONDS},
        headers::hex_mac,
        hmac_body::HmacBody,
        refused::Refused,
        settings::{EndpointSettings, SecretEntry},
        signature::Signature,
        signing_key::{KeyEncoding, MAC_BYTES, OfferedMac, SigningKey},
        verify::Request,
    },
    Finding, body,
};

/// The longest word before a signature that is repeated in a finding.
const MAX_WORD_CHARS: usize = 16;

/// How many of place, key, blanks and body may differ at once. More would be guessing.
const MOST_CHANGES: usize = 2;

pub(super) fn findings(
    signature: &Signature,
    settings: &EndpointSettings,
    request: &Request<'_>,
    now: Timestamp,
) -> Vec<Finding> {
    let own = signature.claim(request.headers);
    let mut findings = match &own {
        Ok(_) => Vec::new(),
        Err(refused) => unread(signature, request.headers, *refused),
    };
    let claims = claims(signature, own.ok(), request.headers);
    let keys = keys(signature.key_encoding(), &settings.secrets);
    let bodies = body::changed(request.body);
    match first_right(&claims, &keys, request.body, &bodies) {
        Some((claim, key, changed)) => {
            findings.extend(claim.findings.iter().chain(&key.findings).cloned());
            findings.extend(changed.map(Finding::Body));
            findings.extend(
                key.entry
                    .not_after
                    .filter(|end| now > *end)
                    .map(|ended| Finding::ExpiredSecret { id: key.entry.id.clone(), ended }),
            );
            findings.extend(claim.claim.signed_at.and_then(|signed_at| clock(signed_at, now)));
        }
        None if findings.is_empty() => findings.push(Finding::WrongKeyOrBody),
        // There was no signature to hold against a key.
        None => {}
    }
    findings
}

/// A claim, and what would have to be configured for it.
struct Candidate<'r> {
    claim: Claim<'r>,
    findings: Vec<Finding>,
}

/// A key, and what would have to be configured for it.
struct Key<'s> {
    entry: &'s SecretEntry,
    key: SigningKey,
    findings: Vec<Finding>,
}

type Right<'a, 'r, 's> = (&'a Candidate<'r>, &'a Key<'s>, Option<body::BodyChange>);

/// The combination with the fewest changes that is right.
fn first_right<'a, 'r, 's>(
    claims: &'a [Candidate<'r>],
    keys: &'a [Key<'s>],
    body: &[u8],
    changed: &[(body::BodyChange, Vec<u8>)],
) -> Option<Right<'a, 'r, 's>> {
    let bodies = || {
        let changed = changed.iter().map(|(change, body)| (Some(*change), body.as_slice()));
        std::iter::once((None, body)).chain(changed)
    };
    (0..=MOST_CHANGES).find_map(|changes| {
        claims.iter().find_map(|claim| {
            keys.iter().find_map(|key| {
                let so_far = usize::from(!claim.findings.is_empty()) + key.findings.len();
                let right =
                    |body: &[u8]| key.key.made_one_of(&claim.claim.offered, &claim.claim.before_body, body);
                bodies()
                    .filter(|(change, _)| so_far + usize::from(change.is_some()) == changes)
                    .find(|(_, body)| right(body))
                    .map(|(change, _)| (claim, key, change))
            })
        })
    })
}

/// What keeps the scheme from reading the headers at all.
fn unread(signature: &Signature, headers: &HeaderMap, refused: Refused) -> Vec<Finding> {
    let names = signature.headers();
    let absent = names.iter().filter(|name| !headers.contains_key(*name));
    let missing: Vec<_> = absent.map(|name| Finding::MissingHeader(name.to_string())).collect();
    if !missing.is_empty() {
        return missing;
    }
    match refused {
        Refused::ConflictingHeaders => {
            let several = names.iter().filter(|name| headers.get_all(*name).iter().count() > 1);
            several.map(|name| Finding::ConflictingHeader(name.to_string())).collect()
        }
        _ => vec![Finding::Malformed { form: signature.form() }],
    }
}

/// The scheme's own claim first, then everything else in the headers that may be a signature.
fn claims<'r>(signature: &Signature, own: Option<Claim<'r>>, headers: &'r HeaderMap) -> Vec<Candidate<'r>> {
    let own = own.map(|claim| Candidate { claim, findings: Vec::new() });
    let others = [Signature::StandardWebhooks, Signature::Github, Signature::Stripe, Signature::Slack];
    let others = others.into_iter().filter(|other| other.name() != signature.name()).filter_map(|other| {
        let claim = other.claim(headers).ok()?;
        Some(Candidate { claim, findings: vec![Finding::Scheme(other.name())] })
    });
    let loose = headers.iter().filter_map(|(name, value)| loose(signature, name, value));
    own.into_iter().chain(others).chain(loose).collect()
}

/// A MAC in hex or base64 in whatever header, as `hmac-body` could read it.
fn loose<'r>(signature: &Signature, name: &HeaderName, value: &HeaderValue) -> Option<Candidate<'r>> {
    let (prefix, mac, base64) = split(value.to_str().ok()?)?;
    let mut findings = Vec::new();
    let plain = HmacBody { header: name.clone(), prefix: prefix.to_owned(), ..HmacBody::default() };
    match signature {
        Signature::HmacBody(settings) => {
            if settings.header != plain.header {
                findings.push(Finding::Header(name.to_string()));
            }
            if settings.prefix != plain.prefix {
                findings.push(Finding::Prefix(plain.prefix));
            }
        }
        _ => {
            findings.push(Finding::Scheme("hmac-body"));
            findings.push(Finding::Header(name.to_string()));
            findings.push(Finding::Prefix(plain.prefix));
        }
    }
    if base64 {
        findings.push(Finding::Base64Mac);
    }
    Some(Candidate { claim: Claim::of_body(mac), findings })
}

/// A word such as `sha256=`, and the MAC after it; whether the MAC is in base64.
fn split(value: &str) -> Option<(&str, OfferedMac, bool)> {
    let hex = 2 * MAC_BYTES;
    let base64 = MAC_BYTES.div_ceil(3) * 4;
    let cut = |chars: usize| value.len().checked_sub(chars).and_then(|at| value.split_at_checked(at));
    let (prefix, mac, base64) = match cut(hex).and_then(|(word, mac)| Some((word, hex_mac(mac.as_bytes())?)))
    {
        Some((prefix, mac)) => (prefix, mac, false),
        None => {
            let (prefix, mac) = cut(base64)?;
            (prefix, BASE64.decode(mac.as_bytes()).ok()?.try_into().ok()?, true)
        }
    };
    is_word(prefix).then_some((prefix, mac, base64))
}

/// Whether a prefix may be shown: a short word with its separator, too short to be a secret.
pub(super) fn is_word(prefix: &str) -> bool {
    let word = prefix.strip_suffix(['=', ':', ',', ' ']).unwrap_or(prefix);
    word.len() <= MAX_WORD_CHARS && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Every secret as it is configured, then as it could have been meant.
fn keys(configured: KeyEncoding, secrets: &[SecretEntry]) -> Vec<Key<'_>> {
    let others = KeyEncoding::ALL.into_iter().filter(move |encoding| *encoding != configured);
    let encodings: Vec<_> = std::iter::once(configured).chain(others).collect();
    let mut keys = Vec::new();
    for entry in secrets {
        for encoding in &encodings {
            let encoded = (*encoding != configured).then_some(Finding::KeyEncoding(*encoding));
            for (text, blank) in blanks(entry) {
                let given = SecretEntry { value: text, ..entry.clone() };
                if let Ok(key) = encoding.key(&given) {
                    let findings = encoded.iter().cloned().chain(blank).collect();
                    keys.push(Key { entry, key, findings });
                }
            }
        }
    }
    keys
}

/// The secret as it is, without what surrounds it, and with the line break that `echo` writes.
fn blanks(entry: &SecretEntry) -> [(SecretString, Option<Finding>); 3] {
    let text = entry.value.expose_secret();
    [
        (text.into(), None),
        (text.trim().into(), Some(Finding::SecretBlanks)),
        (format!("{text}\n").into(), Some(Finding::SecretBlanks)),
    ]
}

/// The distance between the signature and the time of receipt, if it is too long.
fn clock(signed_at: i64, now: Timestamp) -> Option<Finding> {
    let near = |age: i64| (-TOLERANCE_SECONDS..=TOLERANCE_SECONDS).contains(&age);
    let age_seconds = now.as_second() - signed_at;
    if near(age_seconds) {
        None
    } else if near(now.as_second() - signed_at / 1000) {
        Some(Finding::Milliseconds)
    } else {
        Some(Finding::Clock { age_seconds })
    }
}
