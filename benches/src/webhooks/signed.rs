//! Requests with different bodies, signed before the clock starts.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{ENDPOINT, SECRET};

/// The size of every body, an everyday one.
const BODY_BYTES: usize = 250;

/// Whole HTTP requests of one length, behind each other in memory.
pub struct Signed {
    bytes: Vec<u8>,
    length: usize,
}

impl Signed {
    /// Signs `count` requests, each with a message id of its own.
    ///
    /// # Panics
    /// Never: a key may have any length.
    #[must_use]
    pub fn new(count: u32) -> Self {
        let key = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).expect("any length");
        let request = |n| {
            let body = body(n);
            let signature = HEXLOWER.encode(&key.clone().chain_update(&body).finalize().into_bytes());
            format!(
                "POST /hooks/{ENDPOINT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
                 x-mac-signature: sha256={signature}\r\ncontent-length: {BODY_BYTES}\r\n\r\n{body}"
            )
        };
        let length = request(0).len();
        let mut bytes = Vec::with_capacity(length * count as usize);
        for n in 0..count {
            bytes.extend_from_slice(request(n).as_bytes());
        }
        Self { bytes, length }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bytes.len() / self.length
    }

    /// The `n`th one. Behind the last comes the first again.
    #[must_use]
    pub fn nth(&self, n: usize) -> &[u8] {
        let start = n % self.count() * self.length;
        &self.bytes[start..start + self.length]
    }
}

/// A reply of a person, as the gateway writes it.
fn body(n: u32) -> String {
    let mut body =
        format!(r#"{{"event":"message.received","messageId":"MO{n:010}","from":"+6421234567","to":"552","#);
    body.push_str(r#""receivedAt":"2026-11-20T09:30:00Z","ref":"appointment-000000421","#);
    body.push_str(r#""text":"Yes please, keep my appointment on Tuesday at half past nine"#);
    let left = BODY_BYTES - body.len() - 2;
    // Writing into a string cannot fail.
    let _ = write!(body, "{:.<left$}\"}}", "");
    body
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use jiff::Timestamp;
    use textproof::webhook::{
        Authentication, Dialect, Endpoint, EndpointSettings, HmacBody, Request, SecretEntry, Understood,
    };

    use super::*;

    #[test]
    fn requests_are_as_the_receiver_wants_them_and_differ() {
        let signed = Signed::new(3);
        assert_eq!(signed.count(), 3);
        assert_eq!(signed.nth(4), signed.nth(1));
        let endpoint = Endpoint::new(EndpointSettings {
            name: ENDPOINT.into(),
            tenant: "default".into(),
            dialect: Dialect::MobileApiConnect,
            authentication: Authentication::HmacBody(HmacBody::default()),
            secrets: vec![SecretEntry { id: "a".into(), value: SECRET.into(), not_after: None }],
            addresses: None,
        })
        .expect("sound settings");
        let mut names = Vec::new();
        for n in 0..3 {
            let text = std::str::from_utf8(signed.nth(n)).expect("ASCII");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head");
            assert_eq!(body.len(), BODY_BYTES);
            let mut headers = HeaderMap::new();
            let signature = head.lines().find_map(|line| line.strip_prefix("x-mac-signature: "));
            headers.insert("x-mac-signature", signature.expect("a signature").parse().expect("a value"));
            let request = Request { headers: &headers, path_secret: None, peer: None, body: body.as_bytes() };
            let verified = endpoint.verify(&request, Timestamp::UNIX_EPOCH).expect("it is signed");
            let Understood::Event { event, .. } = verified.understand(Timestamp::UNIX_EPOCH) else {
                panic!("{body} is not understood");
            };
            names.push(event.id);
        }
        names.dedup();
        assert_eq!(names.len(), 3);
    }
}
