//! Webhooks: raw bytes are verified first, parsed second, and become an [`Event`](crate::event::Event).
//!
//! Nothing here reads a clock, a socket or a file: the caller hands over the headers, the body as it was
//! received and the time. The types keep the order: only [`Endpoint::verify`] makes a [`Verified`], and
//! only a [`Verified`] can be [understood](Verified::understand).
//!
//! ```
//! use http::HeaderMap;
//! use jiff::Timestamp;
//! use textproof::webhook::{
//!     Authentication, Dialect, Endpoint, EndpointSettings, Request, SecretEntry, Understood,
//! };
//!
//! let endpoint = Endpoint::new(EndpointSettings {
//!     name: "websms".into(),
//!     tenant: "default".into(),
//!     dialect: Dialect::Connexus,
//!     authentication: Authentication::PathSecret {},
//!     secrets: vec![SecretEntry { id: "a".into(), value: "c3VjaC1hLXNlY3JldC0xMjM".into(), not_after: None }],
//! })?;
//!
//! let now = Timestamp::UNIX_EPOCH;
//! let body = br#"{"type":"mo","messageId":"MO456","from":"+6421234567","to":"552","body":"STOP","timestamp":1}"#;
//! let headers = HeaderMap::new();
//! let request = Request { headers: &headers, path_secret: Some("c3VjaC1hLXNlY3JldC0xMjM"), body };
//! let verified = endpoint.verify(&request, now).expect("the path secret is right");
//! assert!(matches!(verified.understand(now), Understood::Event { .. }));
//! # Ok::<(), textproof::webhook::EndpointError>(())
//! ```
//!
//! A new authentication scheme is a file beside `hmac_body.rs` and a variant of [`Authentication`]; a new
//! payload is a file under `dialect/` and a variant of [`Dialect`].

mod endpoint;
mod settings;
mod verify;

mod hmac_body;
mod path_secret;

mod dialect;
mod json;

pub use dialect::{Dialect, NotUnderstood, PointerError, PointerSettings, Understood, UnknownDialect};
pub use endpoint::Endpoint;
pub use hmac_body::{HmacBody, KeyEncoding};
pub use json::JsonFault;
pub use settings::{Authentication, EndpointError, EndpointSettings, EndpointWarning, SecretEntry};
pub use verify::{AnswerClass, Refused, Request, Verified};

#[cfg(test)]
mod tests;
