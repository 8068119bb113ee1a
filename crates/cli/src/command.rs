//! The operator's tools, one file each.

pub(crate) mod config_check;
pub(crate) mod doctor;
pub(crate) mod send;
pub(crate) mod token;
pub(crate) mod verify;

use std::sync::Arc;

use textproof::Otp;
use textproof_service::{
    assemble,
    config::{Config, ConfigError},
};

/// The code engine of the configuration, on a store that other processes share.
fn otp(config: &Config) -> Result<Otp, ConfigError> {
    let store = assemble::shared_store(config)?;
    let gateway = assemble::gateway(config, &store)?;
    assemble::otp(config, Arc::clone(&store), gateway)
}

/// Seconds, rounded up: who waits that long has waited long enough.
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
