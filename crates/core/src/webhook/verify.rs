//! Verification: nothing is parsed before the bytes have proved where they come from.

use std::{fmt, net::IpAddr};

use http::HeaderMap;
use jiff::Timestamp;

use super::{
    basic,
    endpoint::{Endpoint, Held, Scheme},
    path_secret,
    refused::Refused,
};

/// What stands for a secret's id where nothing is asked for.
const NO_SECRET: &str = "none";

/// What a request brings, as it was received.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// All headers; repeated ones are kept apart.
    pub headers: &'a HeaderMap,
    /// The path segment after the endpoint's name, where there is one.
    pub path_secret: Option<&'a str>,
    /// The address that the connection comes from, where it is known. Endpoints with an allow-list of
    /// addresses refuse requests without one.
    pub peer: Option<IpAddr>,
    /// The raw body, already bounded by the server.
    pub body: &'a [u8],
}

/// A request whose origin is proved. Only [`Endpoint::verify`] makes one.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    endpoint: &'a Endpoint,
    body: &'a [u8],
    secret_id: &'a str,
    message_id: Option<&'a str>,
}

impl<'a> Verified<'a> {
    /// The endpoint that verified it.
    #[must_use]
    pub fn endpoint(&self) -> &'a Endpoint {
        self.endpoint
    }

    /// The raw body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Bytes that this endpoint verified when they were received, and that have been kept since.
    pub(super) fn kept(endpoint: &'a Endpoint, body: &'a [u8], message_id: Option<&'a str>) -> Self {
        Self { endpoint, body, secret_id: "", message_id }
    }

    /// Id of the secret that matched: a metric by this label shows when a rotation is over. `none` for an
    /// endpoint that asks for nothing.
    #[must_use]
    pub fn secret_id(&self) -> &'a str {
        self.secret_id
    }

    /// The message id that was signed together with the body (`webhook-id`), where the scheme has one. It
    /// names the message whatever the payload says.
    #[must_use]
    pub fn message_id(&self) -> Option<&'a str> {
        self.message_id
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("endpoint", &self.endpoint.name())
            .field("secret_id", &self.secret_id)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl Endpoint {
    /// Decides on path and address alone, before a body is read; `request.body` is not looked at. A wrong
    /// path must answer like an unknown endpoint whatever else the request brings. [`Endpoint::verify`]
    /// checks both again.
    ///
    /// # Errors
    /// [`Refused`], of which those that concern the path come first.
    pub fn admits(&self, request: &Request<'_>, now: Timestamp) -> Result<(), Refused> {
        match (self.scheme(), request.path_secret) {
            (Scheme::PathSecret(secrets), given) => drop(path_secret::verify(secrets, given, now)?),
            (_, Some(_)) => return Err(Refused::UnexpectedPathSecret),
            (_, None) => {}
        }
        match self.addresses() {
            Some(allowed) => allowed.admit(request.headers, request.peer),
            None => Ok(()),
        }
    }

    /// Verifies a request over the bytes as they were received. `now` is the receiving host's time: it
    /// decides which secrets are still accepted, and which signed timestamps are near enough.
    ///
    /// # Errors
    /// [`Refused`]: the reason goes to the log and a metric, its [`answer_class`](Refused::answer_class)
    /// to the client.
    pub fn verify<'a>(&'a self, request: &Request<'a>, now: Timestamp) -> Result<Verified<'a>, Refused> {
        self.admits(request, now)?;
        let Request { headers, path_secret, body, .. } = *request;
        let mut message_id = None;
        let secret_id = match self.scheme() {
            Scheme::Signed { signature, keys } => {
                let claim = signature.claim(headers)?;
                let key = claim.prove(keys, body, now)?;
                message_id = claim.message_id;
                key.used(now)
            }
            Scheme::PathSecret(secrets) => path_secret::verify(secrets, path_secret, now)?.used(now),
            Scheme::Basic(secrets) => basic::verify(secrets, headers, now)?.used(now),
            Scheme::HeaderSecret { settings, secrets } => settings.verify(secrets, headers, now)?.used(now),
            Scheme::Insecure => NO_SECRET,
        };
        Ok(Verified { endpoint: self, body, secret_id, message_id })
    }
}

/// What the secrets say to one request.
pub(super) enum Match<'k, K> {
    /// A live secret matched.
    Live(&'k Held<K>),
    /// Only a secret whose time is over matched.
    Expired,
    /// None matched.
    None,
}

/// Holds a request against every secret; a live one wins over an expired one.
pub(super) fn first_match<K>(
    secrets: &[Held<K>],
    now: Timestamp,
    matches: impl Fn(&K) -> bool,
) -> Match<'_, K> {
    let mut expired = false;
    for secret in secrets {
        if matches(&secret.key) {
            if secret.is_live(now) {
                return Match::Live(secret);
            }
            expired = true;
        }
    }
    if expired { Match::Expired } else { Match::None }
}
