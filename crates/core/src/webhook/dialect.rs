//! Dialects: what the JSON of a verified body means.
//!
//! A dialect reads the payload's fields into [`Content`] and hands back what the identity needs; all else
//! (bounded JSON, the type, the answer to what is not understood, the event's name) is the same for all.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    endpoint::Endpoint,
    json::{self, JsonFault},
    verify::Verified,
};
use crate::event::{Content, ContentDigest, Event, EventId, Identity};

mod connexus;
mod fields;
mod generic;
mod mobile_api_connect;
mod pointer_settings;
mod pointers;

use fields::Fields;
pub use pointer_settings::{PointerError, PointerSettings};
pub(super) use pointers::Pointers;

/// What the JSON of an endpoint means; independent of how it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Dialect {
    /// WebSMS Connexus: replies and delivery reports.
    Connexus,
    /// MMobile API Connect: replies.
    MobileApiConnect,
    /// Any JSON object, read where the endpoint's [pointers](PointerSettings) say; without pointers it is kept
    /// for handlers as it is.
    Generic,
}

impl Dialect {
    /// Its name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connexus => "connexus",
            Self::MobileApiConnect => "mobile-api-connect",
            Self::Generic => "generic",
        }
    }

    fn read(self, endpoint: &Endpoint, payload: Map<String, Value>) -> Result<Reading, NotUnderstood> {
        match self {
            Self::Connexus => connexus::read(Fields::new(payload)),
            Self::MobileApiConnect => mobile_api_connect::read(Fields::new(payload)),
            Self::Generic => generic::read(endpoint.pointers(), endpoint.name(), payload),
        }
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        let all = [Self::Connexus, Self::MobileApiConnect, Self::Generic];
        all.into_iter().find(|dialect| dialect.as_str() == name).ok_or(UnknownDialect)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is no dialect's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a dialect is connexus, mobile-api-connect or generic")]
pub struct UnknownDialect;

/// What became of a verified body. `Debug` shows no text and no number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once a request and taken apart at once")]
pub enum Understood {
    /// It says something that workers can act on.
    Event {
        /// The event, named by its identity.
        event: Event,
        /// What makes a second delivery the same event.
        identity: Identity,
        /// Tells a second delivery from other content under the same identity.
        content_digest: ContentDigest,
    },
    /// Authentic or not to be told from it, but not understood: kept with its bytes, answered 200.
    Quarantine {
        /// Why.
        reason: NotUnderstood,
        /// The identity of the raw body.
        identity: Identity,
    },
    /// On a scheme that signs nothing, a body that no gateway would send: answered 400, not kept.
    BadRequest(NotUnderstood),
}

impl Verified<'_> {
    /// Reads the body in the endpoint's dialect. It never fails: what is not understood is kept, or, where
    /// nothing is signed and it is plainly no gateway's payload, refused.
    #[must_use]
    pub fn understand(&self, received_at: Timestamp) -> Understood {
        let endpoint = self.endpoint();
        match self.read() {
            Ok(reading) => {
                let identity = reading.identity(endpoint.name(), self.message_id(), self.body());
                let event = Event {
                    id: EventId::of(&identity),
                    endpoint: endpoint.name().to_owned(),
                    tenant: endpoint.tenant().to_owned(),
                    received_at_ms: u64::try_from(received_at.as_millisecond()).unwrap_or(0),
                    conflict: false,
                    content: reading.content,
                };
                let content_digest = ContentDigest::of(&event.content);
                Understood::Event { event, identity, content_digest }
            }
            Err(reason) if reason.is_no_payload() && !endpoint.signs_body() => Understood::BadRequest(reason),
            Err(reason) => {
                let identity = Identity::of_body(endpoint.name(), self.body());
                Understood::Quarantine { reason, identity }
            }
        }
    }

    fn read(&self) -> Result<Reading, NotUnderstood> {
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
        match self.body().iter().find(|b| !blank(b)) {
            None => return Err(NotUnderstood::EmptyBody),
            Some(b'{') => {}
            Some(_) => return Err(NotUnderstood::Json(JsonFault::NotAnObject)),
        }
        let payload = json::parse_object(self.body()).map_err(NotUnderstood::Json)?;
        self.endpoint().dialect().read(self.endpoint(), payload)
    }
}

impl Endpoint {
    /// Reads bytes that came from the quarantine: verified when they were received, and kept with the name of this
    /// endpoint. Anything else must be [verified](Endpoint::verify) first.
    pub(crate) fn understand_kept(
        &self,
        body: &[u8],
        message_id: Option<&str>,
        received_at: Timestamp,
    ) -> Understood {
        Verified::kept(self, body, message_id).understand(received_at)
    }
}

/// What a dialect read: the content, and the parts of the identity that the content does not show.
struct Reading {
    content: Content,
    status_code: Option<String>,
    timestamp: Option<String>,
}

impl Reading {
    /// A message id that was signed beside the body goes before the payload's own.
    fn identity(&self, endpoint: &str, signed_id: Option<&str>, body: &[u8]) -> Identity {
        let (kind, message_id) = match &self.content {
            Content::Reply(reply) => ("reply", reply.message_id.as_deref()),
            Content::DeliveryReport(report) => ("delivery", Some(report.message_id.as_str())),
            Content::Other(other) => ("other", other.message_id.as_deref()),
        };
        match signed_id.or(message_id) {
            Some(message_id) => Identity::Message {
                endpoint: endpoint.to_owned(),
                kind,
                message_id: message_id.to_owned(),
                status_code: self.status_code.clone(),
                timestamp: self.timestamp.clone(),
            },
            None => Identity::of_body(endpoint, body),
        }
    }
}

/// Why a verified body was not understood. Names fields, never their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotUnderstood {
    /// Nothing, or nothing but blanks.
    EmptyBody,
    /// No JSON object that we read.
    Json(JsonFault),
    /// The field that says what kind of payload it is, is absent.
    MissingType,
    /// The dialect has no such type.
    UnknownType,
    /// A field that the type needs is absent.
    MissingField(&'static str),
    /// A field has a type or a form that makes no sense.
    MalformedField(&'static str),
    /// A field is longer than any gateway's.
    OverlongField(&'static str),
}

impl NotUnderstood {
    /// The label for logs and metrics; `Display` adds the field's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmptyBody => "empty_body",
            Self::Json(JsonFault::NotUtf8) => "not_utf8",
            Self::Json(JsonFault::Malformed) => "malformed_json",
            Self::Json(JsonFault::TooDeep) => "too_deep",
            Self::Json(JsonFault::DuplicateKey) => "duplicate_key",
            Self::Json(JsonFault::NumberOutOfRange) => "number_out_of_range",
            Self::Json(JsonFault::NotAnObject) => "not_an_object",
            Self::MissingType => "missing_type",
            Self::UnknownType => "unknown_type",
            Self::MissingField(_) => "missing_field",
            Self::MalformedField(_) => "malformed_field",
            Self::OverlongField(_) => "overlong_field",
        }
    }

    /// Whether it is plainly no gateway's payload; the only faults that may be answered 400.
    fn is_no_payload(self) -> bool {
        matches!(self, Self::EmptyBody | Self::Json(JsonFault::NotAnObject) | Self::MissingType)
    }
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingField(name) | Self::MalformedField(name) | Self::OverlongField(name) => {
                write!(f, "{} {name}", self.as_str())
            }
            _ => f.write_str(self.as_str()),
        }
    }
}
