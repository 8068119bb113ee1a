//! From a checked configuration to the parts of the library.

use std::sync::Arc;

use textproof::{
    Otp, OtpSettings,
    gateway::{
        Connexus, ConnexusSettings, Gateway, GatewaySetupError, MobileApiConnect, MobileApiConnectSettings,
    },
    store::{MemoryStore, RedisSettings, RedisStore, Store, TokenStore},
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
    let store = RedisStore::new(&redis)
        .map_err(|error| ConfigError::invalid("redis.url", "the configuration", error.to_string()))?;
    Ok(Arc::new(store))
}

/// The first gateway of this configuration.
///
/// # Errors
/// [`ConfigError`] when no gateway is on, or its settings cannot be used.
pub fn gateway(config: &Config, store: &Arc<dyn Store>) -> Result<Arc<dyn Gateway>, ConfigError> {
    let invalid = |key: &str| {
        let key = key.to_owned();
        move |error: GatewaySetupError| ConfigError::invalid(key, "the configuration", error.to_string())
    };
    let settings = config.gateways()?.into_iter().next();
    match settings.ok_or_else(|| ConfigError::invalid("otp.gateways", "the configuration", "none is on"))? {
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
pub fn otp(config: &Config, store: Arc<dyn Store>, gateway: Arc<dyn Gateway>) -> Result<Otp, ConfigError> {
    let otp = config.require_otp()?;
    let settings = OtpSettings {
        tenant: otp.tenant,
        policy: otp.policy,
        countries: otp.countries,
        web_otp_domains: otp.web_otp_domains,
        fingerprint_key: otp.fingerprint_key,
        peppers: otp.peppers,
    };
    Ok(Otp::new(settings, store, gateway))
}
