//! Each binary as a process, on a Redis of the test's own.

mod acting;
mod alerts;
mod chaos;
mod commands;
mod deploys;
mod fixture;
mod forwards;
mod idle;
mod metrics;
mod name;
mod own_handler;
mod poison;
mod replies;
mod socket;
mod tour;
mod webhooks;
mod worker_kills;
