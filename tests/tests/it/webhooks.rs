//! The real webhook-ingest: what it refuses, what it keeps, and what it says while Redis is away.

mod authentication;
mod duplicates;
mod logs;
mod outages;
mod paths;
mod raw;
mod refusals;
mod slowness;
mod vectors;
