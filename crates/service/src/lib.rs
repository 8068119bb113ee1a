//! The edge that every Textproof binary shares: everything around the work itself.
//!
//! In the order in which a `main` uses it: [`exit`] runs it and turns its end into an exit status, [`args`]
//! reads the command line, [`telemetry`] starts logs and metrics, [`config`] reads the one configuration
//! file and the environment, [`shutdown`] listens for signals, [`servers`] and [`http`] serve until then, with [`health`]
//! for whoever watches and [`problem`] for whoever asked wrongly. [`assemble`] turns a configuration into the
//! parts of the library; nothing else here knows what Textproof does.

pub mod args;
pub mod assemble;
pub mod config;
pub mod exit;
pub mod health;
pub mod http;
pub mod peer;
pub mod problem;
pub mod servers;
pub mod shutdown;
pub mod telemetry;
