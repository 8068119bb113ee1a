//! Webhooks in: verified on the bytes received, stored before they are acknowledged.
//!
//! [`router`] is everything behind the socket; the binary adds configuration, telemetry and shutdown.
//!
//! A server that receives webhooks itself, and has a place of its own to keep them, takes a [`Verifier`]: as the state
//! behind a [`VerifiedWebhook`] in a handler's arguments, or in a [`VerifyLayer`].

mod answer;
mod body;
mod depth;
mod door;
mod receive;
mod rotation;
pub mod spool;
mod storage;

mod embed;
mod extract;
mod layer;

pub use answer::Answer;
pub use depth::StreamDepth;
pub use door::ReadLimits;
pub use embed::{VerifiedWebhook, Verifier};
pub use layer::{Verify, VerifyLayer};
pub use receive::{Ingest, router};
pub use storage::Storage;
