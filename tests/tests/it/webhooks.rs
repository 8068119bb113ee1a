//! The real webhook-ingest: what it refuses, what it keeps, and what it says while Redis is away.

mod authentication;
pub(crate) mod counts;
mod dialects;
mod duplicates;
mod logs;
mod outages;
mod paths;
pub(crate) mod raw;
mod redelivery;
mod refusals;
mod replicas;
mod senders;
mod slowness;
pub(crate) mod spool;
mod vectors;
