//! The engine on the embedded store, with handlers that do as they are told.

mod engine;
mod fixture;
mod forwards;
mod others;
mod rules;
