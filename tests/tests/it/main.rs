//! Each binary as a process, on a Redis of the test's own.

mod alerts;
mod commands;
mod fixture;
mod idle;
mod metrics;
mod replies;
mod socket;
mod tour;
mod webhooks;
mod worker_kills;
