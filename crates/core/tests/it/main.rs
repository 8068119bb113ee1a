//! The public API and the store conformance suite, over memory and over a real Redis.

mod addresses;
mod breakers;
mod cluster;
mod codes;
mod consents;
mod deliveries;
mod events;
mod failover;
mod faults;
mod fixed;
mod fixture;
mod floods;
mod fraud;
mod host;
mod idempotency;
mod limits;
mod operating;
mod otp;
mod receipts;
mod replicas;
mod schema;
mod shared_token;
mod suppressed;
mod tokens;
