//! Why a secret that comes with the request does not count.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::{
    super::{
        endpoint::Scheme,
        header_secret::HeaderSecret,
        settings::{Authentication, EndpointSettings, SecretEntry},
        verify::Request,
    },
    Finding,
    signed::is_word,
};

/// What ends up around a secret when it is copied.
const AROUND: [char; 7] = [' ', '\t', '\r', '\n', '"', '\'', '/'];

pub(super) fn findings(
    scheme: &Scheme,
    settings: &EndpointSettings,
    request: &Request<'_>,
    now: Timestamp,
) -> Vec<Finding> {
    let found = match (scheme, &settings.authentication) {
        (Scheme::HeaderSecret { settings: place, .. }, _) => {
            in_header(place, &settings.secrets, request.headers)
        }
        (Scheme::Basic(_), Authentication::Basic(basic)) => {
            in_credentials(&basic.user, &settings.secrets, request.headers)
        }
        _ => in_path(&settings.secrets, request.path_secret),
    };
    let expired = |entry: &SecretEntry| {
        let ended = entry.not_after.filter(|end| now > *end)?;
        Some(Finding::ExpiredSecret { id: entry.id.clone(), ended })
    };
    match found {
        Found::Nothing(finding) => vec![finding],
        Found::Secret(entry, findings) => findings.into_iter().chain(expired(entry)).collect(),
    }
}

/// What was found in the place of the secret.
enum Found<'s> {
    /// None of the secrets.
    Nothing(Finding),
    /// One of them, with what is wrong around it.
    Secret(&'s SecretEntry, Vec<Finding>),
}

fn in_path<'s>(secrets: &'s [SecretEntry], given: Option<&str>) -> Found<'s> {
    match given {
        Some(given) => read(secrets, given, Vec::new()),
        None => Found::Nothing(Finding::MissingPathSecret),
    }
}

fn in_credentials<'s>(user: &str, secrets: &'s [SecretEntry], headers: &HeaderMap) -> Found<'s> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Found::Nothing(Finding::MissingHeader(AUTHORIZATION.to_string()));
    };
    if let Some(several) = conflicting(headers, &AUTHORIZATION) {
        return Found::Nothing(several);
    }
    let form = "Authorization: Basic, and in base64 user, colon and password".to_owned();
    let credentials = value.to_str().ok().and_then(|value| {
        let (_, base64) = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))?;
        String::from_utf8(BASE64.decode(base64.as_bytes()).ok()?).ok()
    });
    match credentials.as_deref().and_then(|credentials| credentials.split_once(':')) {
        Some((given, password)) => {
            let other = (given != user).then(|| Finding::User { expected: user.to_owned() });
            read(secrets, password, other.into_iter().collect())
        }
        None => Found::Nothing(Finding::Malformed { form }),
    }
}

/// The secret where it should be, else in any header and behind any word.
fn in_header<'s>(place: &HeaderSecret, secrets: &'s [SecretEntry], headers: &HeaderMap) -> Found<'s> {
    if let Some(several) = conflicting(headers, &place.header) {
        return Found::Nothing(several);
    }
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        for entry in secrets {
            let Some(prefix) = value.strip_suffix(entry.value.expose_secret()).filter(|word| is_word(word))
            else {
                continue;
            };
            let header = (*name != place.header).then(|| Finding::Header(name.to_string()));
            let prefix = (prefix != place.prefix).then(|| Finding::Prefix(prefix.to_owned()));
            return Found::Secret(entry, header.into_iter().chain(prefix).collect());
        }
    }
    match headers.get(&place.header).map(|value| value.to_str()) {
        None => Found::Nothing(Finding::MissingHeader(place.header.to_string())),
        Some(Ok(value)) => read(secrets, value.strip_prefix(&place.prefix).unwrap_or(value), Vec::new()),
        Some(Err(_)) => Found::Nothing(Finding::WrongSecret),
    }
}

/// One of the secrets as it was given, else without what surrounds it.
fn read<'s>(secrets: &'s [SecretEntry], given: &str, mut findings: Vec<Finding>) -> Found<'s> {
    let find = |given: &str| secrets.iter().find(|entry| entry.value.expose_secret() == given);
    if let Some(entry) = find(given) {
        return Found::Secret(entry, findings);
    }
    match find(given.trim_matches(AROUND)) {
        Some(entry) => {
            findings.push(Finding::SecretBlanks);
            Found::Secret(entry, findings)
        }
        None => Found::Nothing(Finding::WrongSecret),
    }
}

fn conflicting(headers: &HeaderMap, name: &HeaderName) -> Option<Finding> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.any(|other| other != first).then(|| Finding::ConflictingHeader(name.to_string()))
}
