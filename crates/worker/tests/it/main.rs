//! The engine on the embedded store, with handlers that do as they are told.

mod consent;
mod engine;
mod fixture;
mod others;
mod rules;
mod shards;
