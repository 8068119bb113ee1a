//! The engine on the embedded store and, where it must recover, on real servers, with handlers that do as they are told.

mod answers;
mod consent;
mod engine;
mod failover;
mod fixture;
mod forwards;
mod others;
mod recovery;
mod rules;
mod shards;
