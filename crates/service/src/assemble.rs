//! From a checked configuration to the parts of the library.

use std::{sync::Arc, time::Duration};

use textproof::{
    Otp,
    consent::ConsentLedger,
    gateway::{
        Connexus, ConnexusSettings, Gateway, GatewaySetupError, MobileApiConnect, MobileApiConnectSettings,
    },
    store::{MemoryStore, RedisSettings, RedisStore, Store, TokenStore, redis::RedisSetupError},
};

use crate::config::{Config, ConfigError, GatewaySettings, RedisUrl};

/// The store of this configuration: Redis, or the embedded one for `memory:`.
///
/// # Errors
/// [`ConfigError`] when no usable URL is set. Redis itself is not asked yet.
pub fn store(config: &Config) -> Result<Arc<dyn Store>, ConfigError> {
    match config.redis()?.url {
        RedisUrl::Memory => Ok(Arc::new(MemoryStore::new())),
        RedisUrl::Server(_) => shared_store(config),
    }
}

/// The store of this configuration, which must be one that processes can share.
///
/// # Errors
/// As [`store`], and for `memory:`.
pub fn shared_store(config: &Config) -> Result<Arc<dyn Store>, ConfigError> {
    let (url, settings) = config.redis_server()?;
    let mut redis = RedisSettings::new("");
    redis.url = url;
    redis.key_prefix = settings.key_prefix;
    redis.min_replicas = settings.min_replicas;
    redis.shards = config.shards()?;
    redis.sentinel_user = settings.sentinel_user;
    redis.sentinel_password = settings.sentinel_password;
    redis.authorities = settings.authorities;
    let store = RedisStore::new(&redis).map_err(|error| {
        let key = if matches!(error, RedisSetupError::Authorities) { "redis.ca_file" } else { "redis.url" };
        ConfigError::invalid(key, "the configuration", error.to_string())
    })?;
    Ok(Arc::new(store))
}

/// Refuses another number of shards than the fleet has. A Redis that is away, or slow, is no reason not to start: the
/// store looks again before it writes or reads an event.
///
/// # Errors
/// [`ConfigError`] that says which number holds.
pub async fn agree_on_shards(config: &Config, store: &Arc<dyn Store>) -> Result<(), ConfigError> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let configured = config.shards()?;
    match tokio::time::timeout(PATIENCE, store.agree_on_shards()).await {
        Ok(Ok(holds)) if holds != configured => Err(config.other_shards(holds)),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the number of shards could not be compared yet");
            Ok(())
        }
        Err(_) => {
            tracing::warn!(
                "the number of shards could not be compared yet: the store has not answered in time"
            );
            Ok(())
        }
    }
}

/// Who wants texts from whom, by the words and the endpoints of this configuration.
///
/// # Errors
/// [`ConfigError`] when the words cannot be used, or the fingerprint key is missing.
pub fn consent_ledger(config: &Config, store: &Arc<dyn Store>) -> Result<ConsentLedger, ConfigError> {
    let consent = config.consent()?;
    Ok(ConsentLedger::new(Arc::clone(store), config.fingerprint_key()?)
        .with_keywords(consent.keywords)
        .with_open_endpoints(consent.open_endpoints))
}

/// The gateways of this configuration, in the order in which they are tried.
///
/// # Errors
/// [`ConfigError`] when no gateway is on, or its settings cannot be used.
pub fn gateways(config: &Config, store: &Arc<dyn Store>) -> Result<Vec<Arc<dyn Gateway>>, ConfigError> {
    config.gateways()?.into_iter().map(|settings| gateway(config, store, settings)).collect()
}

fn gateway(
    config: &Config,
    store: &Arc<dyn Store>,
    settings: GatewaySettings,
) -> Result<Arc<dyn Gateway>, ConfigError> {
    let invalid = |key: &str| {
        let key = key.to_owned();
        move |error: GatewaySetupError| ConfigError::invalid(key, "the configuration", error.to_string())
    };
    match settings {
        GatewaySettings::Connexus(settings) => {
            let otp = config.require_otp()?;
            let tokens = Arc::clone(store) as Arc<dyn TokenStore>;
            let settings =
                ConnexusSettings::new(settings.base_url, settings.client_id, settings.client_secret);
            let gateway = Connexus::new(settings, tokens, otp.peppers, &otp.fingerprint_key);
            Ok(Arc::new(gateway.map_err(invalid("connexus"))?))
        }
        GatewaySettings::MobileApiConnect(settings) => {
            let settings = MobileApiConnectSettings::new(settings.base_url, settings.key);
            let gateway = MobileApiConnect::new(settings).map_err(invalid("mobile_api_connect"))?;
            Ok(Arc::new(gateway))
        }
    }
}

/// The code engine of this configuration.
///
/// # Errors
/// [`ConfigError`] for a section that is missing or wrong.
pub fn otp(
    config: &Config,
    store: Arc<dyn Store>,
    gateways: Vec<Arc<dyn Gateway>>,
) -> Result<Otp, ConfigError> {
    Otp::new(config.require_otp()?, store, gateways)
        .map_err(|error| ConfigError::invalid("otp", "the configuration", error.to_string()))
}
