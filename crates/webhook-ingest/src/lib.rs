//! Webhooks in: verified on the bytes received, stored before they are acknowledged.
//!
//! [`router`] is everything behind the socket; the binary adds configuration, telemetry and shutdown.

mod answer;
mod body;
mod receive;
mod rotation;

pub use receive::{Ingest, IngestOptions, router};
