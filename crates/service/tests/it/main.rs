//! The public face of the edge: configuration, HTTP serving, health and signals.

mod config;
mod health;
mod http;
mod shutdown;
