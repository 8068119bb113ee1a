//! The way of a webhook through the whole module: the published vectors, then our own promises.
mod addresses;
mod generic;
mod promises;
mod rotation;
mod signed;
mod signing;
mod understanding;
mod unsigned;
mod vectors;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::{Authentication, Dialect, Endpoint, EndpointSettings, HmacBody, Refused, Request, SecretEntry};

const SECRET: &str = "whsec_test-secret-test-secret";
const PATH_SECRET: &str = "canary_path-secret-000000";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn entry(id: &str, value: &str, not_after: Option<i64>) -> SecretEntry {
    SecretEntry { id: id.into(), value: value.into(), not_after: not_after.map(at) }
}

fn build(dialect: Dialect, authentication: Authentication, secrets: Vec<SecretEntry>) -> Endpoint {
    let (name, tenant) = ("hook".to_owned(), "default".to_owned());
    Endpoint::new(EndpointSettings { name, tenant, dialect, authentication, secrets, addresses: None })
        .unwrap()
}

fn signed(dialect: Dialect) -> Endpoint {
    build(dialect, Authentication::HmacBody(HmacBody::default()), vec![entry("a", SECRET, None)])
}

fn unsigned(dialect: Dialect) -> Endpoint {
    build(dialect, Authentication::PathSecret {}, vec![entry("a", PATH_SECRET, None)])
}

/// The header value that Mobile API Connect would send.
fn signature(secret: &str, body: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let keyed = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    let mac = keyed.chain_update(body).finalize().into_bytes();
    format!("sha256={}", data_encoding::HEXLOWER.encode(&mac))
}

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        let name = HeaderName::from_static("x-mac-signature");
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

/// The id of the secret that a signed request matches.
fn verify(endpoint: &Endpoint, values: &[&[u8]], body: &[u8], now: i64) -> Result<String, Refused> {
    let request = Request { headers: &headers(values), path_secret: None, peer: None, body };
    endpoint.verify(&request, at(now)).map(|verified| verified.secret_id().to_owned())
}

/// Headers by name.
fn named(headers: &[(&'static str, &str)]) -> HeaderMap {
    // `HeaderMap::from_iter` would keep the last of two.
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}
