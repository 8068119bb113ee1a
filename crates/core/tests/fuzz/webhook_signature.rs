//! What strangers send as a webhook: headers, path and body, held against every authentication scheme.
//!
//! The oracle signs and compares on its own, by the schemes' documents. Nothing but what it calls right may verify.

use arbtest::arbitrary::{Result, Unstructured};
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use sha2::Sha256;
use textproof::webhook::{
    Authentication, Basic, Dialect, Endpoint, EndpointSettings, HeaderSecret, HmacBody, Refused, Request,
    SecretEntry,
};

pub(crate) const HMAC_BODY: usize = 0;
pub(crate) const STANDARD_WEBHOOKS: usize = 1;
pub(crate) const GITHUB: usize = 2;
pub(crate) const STRIPE: usize = 3;
pub(crate) const SLACK: usize = 4;
pub(crate) const PATH_SECRET: usize = 5;
pub(crate) const BASIC: usize = 6;
pub(crate) const HEADER_SECRET: usize = 7;
/// Where the secret comes with the request.
const UNSIGNED: [usize; 3] = [PATH_SECRET, BASIC, HEADER_SECRET];

/// Good for every scheme: base64 of 24 bytes, url-safe, and more than 22 characters.
const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const ENDED: &str = "c2VjcmV0LW9mLWFuLW9sZC1zZW5kZXIh";
const NOW: i64 = 1_800_000_000;

/// A request before it is sent, header values as texts.
#[derive(Clone)]
struct Sent {
    headers: Vec<(&'static str, String)>,
    path_secret: Option<String>,
    body: Vec<u8>,
}

/// The text in the place of each header, of the path's secret and of the body.
pub(crate) fn text<const SCHEME: usize>(input: &str) {
    let endpoint = endpoint(SCHEME);
    let right = sent(SCHEME, SECRET, "msg_1", NOW, br#"{"type":"mo"}"#);
    assert_eq!(answer(&endpoint, &right, NOW), Some(Ok(())));
    for at in 0..right.headers.len() {
        let mut changed = right.clone();
        let value = std::mem::replace(&mut changed.headers[at].1, input.to_owned());
        let same = input.trim_matches([' ', '\t']) == value;
        let expected = same || is_right::<SCHEME>(changed.headers[at].0, input, &right);
        // A value that no header can have is never sent.
        if let Some(answer) = answer(&endpoint, &changed, NOW) {
            assert_eq!(answer.is_ok(), expected, "{}: {input:?}: {answer:?}", changed.headers[at].0);
        }
    }
    let elsewhere = Sent { path_secret: Some(input.to_owned()), ..right.clone() };
    let expected = SCHEME == PATH_SECRET && input == SECRET;
    assert_eq!(answer(&endpoint, &elsewhere, NOW).map(|answer| answer.is_ok()), Some(expected), "{input:?}");
    let unsigned = UNSIGNED.contains(&SCHEME);
    let other = Sent { body: input.as_bytes().to_vec(), ..right.clone() };
    let expected = unsigned || other.body == right.body;
    assert_eq!(answer(&endpoint, &other, NOW).map(|answer| answer.is_ok()), Some(expected), "{input:?}");
}

/// A right request verifies whatever it says; the same with one thing changed does not.
pub(crate) fn generated<const SCHEME: usize>(u: &mut Unstructured<'_>) -> Result<()> {
    let endpoint = endpoint(SCHEME);
    let id = format!("msg_{}", u.arbitrary::<u32>()?);
    let signed_at = NOW + u.int_in_range(-300..=300)?;
    let length = u.int_in_range(0..=64)?;
    let body = u.bytes(length.min(u.len()))?.to_vec();
    let right = sent(SCHEME, SECRET, &id, signed_at, &body);
    assert_eq!(answer(&endpoint, &right, NOW), Some(Ok(())), "{:?}", right.headers);
    if let Some(surrounded) = surrounded::<SCHEME>(u, &right)? {
        assert_eq!(answer(&endpoint, &surrounded, NOW), Some(Ok(())), "{:?}", surrounded.headers);
    }

    let (mutant, now) = mutated::<SCHEME>(u, &right, &id, signed_at)?;
    if let Some(answer) = answer(&endpoint, &mutant, now) {
        assert!(answer.is_err(), "{:?} {:?} {:?}", mutant.headers, mutant.path_secret, mutant.body);
    }
    Ok(())
}

/// One change that makes a right request wrong, and the time at which it is looked at.
fn mutated<const SCHEME: usize>(
    u: &mut Unstructured<'_>,
    right: &Sent,
    id: &str,
    signed_at: i64,
) -> Result<(Sent, i64)> {
    let timed = [STANDARD_WEBHOOKS, STRIPE, SLACK].contains(&SCHEME);
    let unsigned = UNSIGNED.contains(&SCHEME);
    let mut mutant = right.clone();
    let now = match u.int_in_range(0..=7)? {
        // Another body; where nothing is signed, another secret instead.
        0 if !unsigned => {
            let at = u.int_in_range(0..=mutant.body.len())?;
            match (u.arbitrary()?, at < mutant.body.len()) {
                (true, true) => drop(mutant.body.remove(at)),
                (false, true) => mutant.body[at] ^= u.int_in_range(1..=255)?,
                _ => mutant.body.insert(at, u.arbitrary()?),
            }
            NOW
        }
        // Another id, or another time, than was signed.
        1 if SCHEME == STANDARD_WEBHOOKS => {
            mutant.headers[0].1 = format!("{id}{}", u.int_in_range(0..=9)?);
            NOW
        }
        2 if timed => {
            let later = (signed_at + u.int_in_range(1..=300)?).to_string();
            for (_, value) in &mut mutant.headers {
                *value = value.replace(&signed_at.to_string(), &later);
            }
            NOW
        }
        // Looked at too late or too early.
        3 if timed => signed_at + 301 + u.int_in_range(0..=1_000_000)?,
        4 if timed => signed_at - 301 - u.int_in_range(0..=1_000_000)?,
        // A key that has ended, or another one.
        5 => {
            mutant = sent(SCHEME, ENDED, id, signed_at, &right.body);
            NOW
        }
        // One header missing, or the whole secret.
        6 => {
            match mutant.headers.len() {
                0 => mutant.path_secret = None,
                headers => drop(mutant.headers.remove(u.choose_index(headers)?)),
            }
            NOW
        }
        // A second value beside the right one.
        7 if SCHEME != PATH_SECRET => {
            let (name, value) = u.choose(&right.headers)?.clone();
            mutant.headers.insert(u.int_in_range(0..=mutant.headers.len())?, (name, format!("{value}0")));
            NOW
        }
        _ => {
            let other = SECRET.replacen('M', &char::from(u.int_in_range(b'N'..=b'Z')?).to_string(), 1);
            mutant = sent(SCHEME, &other, id, signed_at, &right.body);
            NOW
        }
    };
    Ok((mutant, now))
}

/// The right signature among others that are wrong or malformed, where the scheme has lists; in upper case, where it
/// has hex.
fn surrounded<const SCHEME: usize>(u: &mut Unstructured<'_>, right: &Sent) -> Result<Option<Sent>> {
    let mut changed = right.clone();
    let separator = match SCHEME {
        STANDARD_WEBHOOKS => " ",
        STRIPE => ",",
        HMAC_BODY | GITHUB => {
            let (word, hex) = right.headers[0].1.split_once('=').unwrap_or_default();
            changed.headers[0].1 = format!("{word}={}", hex.to_uppercase());
            return Ok(Some(changed));
        }
        _ => return Ok(None),
    };
    let list = &mut changed.headers.last_mut().expect("the signature stands last").1;
    for _ in 0..u.int_in_range(0..=6)? {
        let hex = format!("v1={}", HEXUPPER.encode(&[u.arbitrary()?; 32]));
        let base64 = format!("v1,{}", BASE64.encode(&[u.arbitrary()?; 32]));
        let other = *u.choose(&["v1,", "v1=", "v1=potato", "v0=00", "x", "", "v2,AAAA", &hex, &base64])?;
        *list = match u.arbitrary()? {
            true => format!("{list}{separator}{other}"),
            false => format!("{other}{separator}{list}"),
        };
    }
    Ok(Some(changed))
}

/// Whether a value of this header makes the request right, with all else as it is; plainly.
fn is_right<const SCHEME: usize>(name: &str, value: &str, right: &Sent) -> bool {
    let value = value.trim_matches([' ', '\t']);
    let signature = || right.headers.last().map(|(_, value)| value.as_str()).unwrap_or_default();
    match (SCHEME, name) {
        (STANDARD_WEBHOOKS, "webhook-signature") => {
            let well_formed = |entry: &&str| {
                let base64 =
                    entry.strip_prefix("v1,").and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
                base64.is_some_and(|mac| mac.len() == 32)
            };
            let entries: Vec<_> = value.split(' ').filter(well_formed).collect();
            entries.len() <= 16 && entries.contains(&signature())
        }
        (STRIPE, _) => {
            let (timestamp, mac) = signature().split_once(',').unwrap_or_default();
            let hex = |entry: &&str| {
                entry.len() == 67
                    && entry.starts_with("v1=")
                    && entry[3..].bytes().all(|b| b.is_ascii_hexdigit())
            };
            let timestamps: Vec<_> = value.split(',').filter(|entry| entry.starts_with("t=")).collect();
            let macs: Vec<_> = value.split(',').filter(|entry| entry.is_ascii()).filter(hex).collect();
            timestamps == [timestamp]
                && macs.len() <= 16
                && macs.iter().any(|entry| entry.eq_ignore_ascii_case(mac))
        }
        (HMAC_BODY | GITHUB | SLACK, name) if name.contains("signature") => {
            let (word, hex) = signature().split_once('=').unwrap_or_default();
            value.split_once('=').is_some_and(|(w, h)| w == word && h.eq_ignore_ascii_case(hex))
        }
        (BASIC, _) => {
            let (scheme, credentials) = signature().split_once(' ').unwrap_or_default();
            value.split_once(' ').is_some_and(|(s, c)| s.eq_ignore_ascii_case(scheme) && c == credentials)
        }
        _ => false,
    }
}

/// A right request of this scheme; the signature is its last header.
fn sent(scheme: usize, secret: &str, id: &str, signed_at: i64, body: &[u8]) -> Sent {
    let time = signed_at.to_string();
    let base64 = BASE64.decode(secret.as_bytes());
    let mac = |before: &str| {
        let key = match scheme {
            STANDARD_WEBHOOKS => base64.as_deref().expect("base64"),
            _ => secret.as_bytes(),
        };
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of any length");
        keyed.chain_update(before).chain_update(body).finalize().into_bytes()
    };
    let hex = |before: &str| HEXLOWER.encode(&mac(before));
    let headers = match scheme {
        HMAC_BODY => vec![("x-mac-signature", format!("sha256={}", hex("")))],
        GITHUB => vec![("x-hub-signature-256", format!("sha256={}", hex("")))],
        STANDARD_WEBHOOKS => {
            let signature = format!("v1,{}", BASE64.encode(&mac(&format!("{id}.{time}."))));
            vec![("webhook-id", id.into()), ("webhook-timestamp", time), ("webhook-signature", signature)]
        }
        STRIPE => vec![("stripe-signature", format!("t={time},v1={}", hex(&format!("{time}."))))],
        SLACK => {
            let signature = format!("v0={}", hex(&format!("v0:{time}:")));
            vec![("x-slack-request-timestamp", time), ("x-slack-signature", signature)]
        }
        BASIC => {
            let credentials = BASE64.encode(format!("textproof:{secret}").as_bytes());
            vec![("authorization", format!("Basic {credentials}"))]
        }
        HEADER_SECRET => vec![("x-webhook-secret", secret.into())],
        _ => Vec::new(),
    };
    let path_secret = (scheme == PATH_SECRET).then(|| secret.to_owned());
    Sent { headers, path_secret, body: body.to_vec() }
}

fn endpoint(scheme: usize) -> Endpoint {
    let authentication = match scheme {
        HMAC_BODY => Authentication::HmacBody(HmacBody::default()),
        STANDARD_WEBHOOKS => Authentication::StandardWebhooks {},
        GITHUB => Authentication::Github {},
        STRIPE => Authentication::Stripe {},
        SLACK => Authentication::Slack {},
        PATH_SECRET => Authentication::PathSecret {},
        BASIC => Authentication::Basic(Basic::default()),
        _ => Authentication::HeaderSecret(HeaderSecret::default()),
    };
    let entry =
        |id: &str, value: &str, not_after| SecretEntry { id: id.into(), value: value.into(), not_after };
    Endpoint::new(EndpointSettings {
        name: "hook".into(),
        tenant: "default".into(),
        dialect: Dialect::Connexus,
        authentication,
        secrets: vec![entry("old", ENDED, Some(Timestamp::UNIX_EPOCH)), entry("new", SECRET, None)],
        addresses: None,
    })
    .expect("sound settings")
}

/// The endpoint's answer; `None` for a header that cannot be sent.
fn answer(endpoint: &Endpoint, sent: &Sent, now: i64) -> Option<std::result::Result<(), Refused>> {
    let mut headers = HeaderMap::new();
    for (name, value) in &sent.headers {
        // Servers take off the blanks around a value.
        let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes()).ok()?;
        headers.append(HeaderName::from_static(name), value);
    }
    let path_secret = sent.path_secret.as_deref();
    let request = Request { headers: &headers, path_secret, peer: None, body: &sent.body };
    let now = Timestamp::from_second(now).expect("a time");
    Some(endpoint.verify(&request, now).map(|verified| assert_eq!(verified.secret_id(), "new")))
}
