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
//!     addresses: None,
//! })?;
//!
//! let now = Timestamp::UNIX_EPOCH;
//! let body = br#"{"type":"mo","messageId":"MO456","from":"+6421234567","to":"552","body":"STOP","timestamp":1}"#;
//! let headers = HeaderMap::new();
//! let path_secret = Some("c3VjaC1hLXNlY3JldC0xMjM");
//! let request = Request { headers: &headers, path_secret, peer: None, body };
//! let verified = endpoint.verify(&request, now).expect("the path secret is right");
//! assert!(matches!(verified.understand(now), Understood::Event { .. }));
//! # Ok::<(), textproof::webhook::EndpointError>(())
//! ```
//!
//! A new authentication scheme is a file beside `hmac_body.rs` and a variant of [`Authentication`]: one that
//! signs reads the headers into a claim, which is proved like all others; one that does not compares a
//! secret. A new payload is a file under `dialect/` and a variant of [`Dialect`].

// What an endpoint is, and what is asked of every request.
mod endpoint;
mod refused;
mod rotation;
mod settings;
mod verify;

// Where a request may come from.
mod addresses;

// Schemes that sign.
mod claim;
mod headers;
mod signature;
mod signing_key;

mod github;
mod hmac_body;
mod slack;
mod standard_webhooks;
mod stripe;

// Schemes that do not.
mod shared_secret;

mod basic;
mod header_secret;
mod path_secret;

// What we send ourselves.
mod signer;

// Why a request was refused, for people.
mod explain;

// What a verified body says.
mod dialect;
mod json;

pub use addresses::{AddressesError, AllowedAddresses};
pub use basic::Basic;
pub use dialect::{Dialect, NotUnderstood, PointerError, PointerSettings, Understood, UnknownDialect};
pub use endpoint::Endpoint;
pub use explain::{BodyChange, Explanation, Finding, explain};
pub use header_secret::HeaderSecret;
pub use hmac_body::HmacBody;
pub use json::JsonFault;
pub use refused::{AnswerClass, Refused};
pub use rotation::RotationNotice;
pub use settings::{Authentication, EndpointError, EndpointSettings, EndpointWarning, SecretEntry};
pub use signer::{SigningSecretError, WebhookSigner};
pub use signing_key::KeyEncoding;
pub use verify::{Request, Verified};

#[cfg(test)]
mod tests;
