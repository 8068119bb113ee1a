//! Where the local worker forwards every event to.

use std::sync::Arc;

use data_encoding::BASE64;
use textproof::{
    forward::{Destination, DestinationSettings},
    rule::Rules,
    secret::FingerprintKey,
    store::{BreakerStore, ForwardedStore, Store},
};
use textproof_service::config::ConfigError;
use worker::handlers::{ApplyRules, Forwarding, Forwards};

use super::random_bytes;

const NAME: &str = "dev";

/// A URL of the command line, and a secret of this run.
pub(crate) struct ForwardTo {
    pub(crate) url: String,
    pub(crate) secret: String,
}

impl ForwardTo {
    /// Draws a secret. The receiver is usually on this machine, so private addresses and plain HTTP are allowed.
    pub(crate) fn new(url: String) -> anyhow::Result<Self> {
        let forward = Self { url, secret: format!("whsec_{}", BASE64.encode(&random_bytes()?)) };
        forward.destination()?;
        Ok(forward)
    }

    pub(super) fn handler(&self, store: &Arc<dyn Store>, key: &FingerprintKey) -> anyhow::Result<ApplyRules> {
        let breakers = Arc::clone(store) as Arc<dyn BreakerStore>;
        let forwards = Forwards::new(vec![self.destination()?], &breakers, key)?;
        let forwarding = Forwarding::new(Arc::new(forwards), Arc::clone(store) as Arc<dyn ForwardedStore>);
        Ok(ApplyRules::new(Rules::default(), None, Some(forwarding))?)
    }

    fn destination(&self) -> Result<Destination, ConfigError> {
        let settings = DestinationSettings {
            name: NAME.to_owned(),
            url: self.url.clone().into(),
            secret: self.secret.clone().into(),
            allow_private: true,
            every_event: true,
        };
        Destination::new(settings)
            .map_err(|error| ConfigError::invalid("--forward", "the command line", error.to_string()))
    }
}
