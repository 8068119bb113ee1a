//! The public API and the store conformance suite, over memory and over a real Redis.

mod cluster;
mod codes;
mod consents;
mod deliveries;
mod events;
mod faults;
mod fixture;
mod host;
mod otp;
mod replicas;
mod schema;
mod shared_token;
mod tokens;
