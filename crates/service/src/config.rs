//! One configuration for all binaries: `textproof.toml`, every value of which the environment can replace.
//!
//! Loading checks names and kinds; what the values mean is checked when a binary asks for the settings it
//! uses, so that webhook-ingest needs no `[otp]`. Settings are plain structs of parsed types.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;

mod check;
mod error;
mod layers;
mod mask;
mod raw;
mod schema;
mod secrets;
mod variables;

mod authentication;
mod consent;
mod endpoints;
mod forwards;
mod gateways;
mod limits;
mod otp;
mod redis;
mod rules;
mod servers;

pub use consent::ConsentSettings;
pub use error::ConfigError;
pub use gateways::{ConnexusSettings, GatewayName, GatewaySettings, MobileApiConnectSettings};
pub use redis::{RedisSettings, RedisUrl};
pub use secrets::BARE_PEPPER_ID;
pub use servers::{IngestSettings, SpoolSettings, WorkerSettings};

pub(crate) use layers::read_bounded;
use layers::{FILE_VARIABLE, Layers};
use raw::Raw;

/// Everything that was configured, names and kinds checked.
///
/// ```
/// use textproof::store::redis::KeyPrefix;
/// use textproof_service::config::Config;
///
/// let environment = [("TEXTPROOF_REDIS_URL".to_owned(), "redis://127.0.0.1".to_owned())];
/// let config = Config::load(None, environment)?;
/// assert_eq!(config.redis()?.key_prefix, KeyPrefix::default());
/// assert!(config.require_otp().is_err(), "neither pepper nor countries are set");
/// # Ok::<(), textproof_service::config::ConfigError>(())
/// ```
pub struct Config {
    raw: Raw,
    origins: BTreeMap<String, String>,
    file: String,
    masked: toml::Table,
}

impl Config {
    /// Reads the file at `path`, else the one in `TEXTPROOF_CONFIG`, else `./textproof.toml` if there is one,
    /// and puts the variables of `environment` over it. An empty variable counts as unset.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that cannot be read or is not TOML, an unknown key, section or
    /// `TEXTPROOF_…` variable, and a value of the wrong kind.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let variables: BTreeMap<String, String> =
            environment.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let mut layers = Layers::from_file(path, variables.get(FILE_VARIABLE).map(String::as_str))?;
        variables::apply(&mut layers, &variables)?;
        layers.fill_tenants();
        let masked = mask::table(&layers.table);
        let raw = Raw::from_table(layers.table)?;
        Ok(Self { raw, origins: layers.origins, file: layers.file, masked })
    }

    /// The values that count, defaults included and secrets as `***`, to be shown as JSON.
    pub fn effective(&self) -> serde_json::Value {
        serde_json::json!(self.masked)
    }

    /// The same as TOML.
    pub fn effective_toml(&self) -> String {
        self.masked.to_string()
    }

    /// A value that was set and cannot be used.
    fn invalid(&self, section: &str, key: &str, problem: impl Into<String>) -> ConfigError {
        let path = schema::path(section, key);
        let place = self.place(&path);
        ConfigError::invalid(path, place, problem)
    }

    fn missing(&self, section: &str, key: &str) -> ConfigError {
        let variable = schema::variable(section, key);
        let remedy = format!("set it in {} or as {variable}", self.file);
        ConfigError::Missing { key: schema::path(section, key), remedy }
    }

    /// The file or variable that a value comes from.
    fn place(&self, path: &str) -> String {
        self.origins.get(path).unwrap_or(&self.file).clone()
    }

    /// A secret of a section, from the value or from the file that is named instead.
    fn secret(
        &self,
        section: &str,
        key: &str,
        value: Option<&SecretString>,
        file: Option<&str>,
    ) -> Result<Option<SecretString>, ConfigError> {
        let path = schema::path(section, key);
        let place = self.place(&path);
        secrets::resolve(value, file, &path, &place)
    }

    /// A number between bounds.
    fn number(
        &self,
        section: &str,
        key: &str,
        value: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        if bounds.contains(&value) {
            return Ok(value);
        }
        let problem = format!("must be between {} and {}", bounds.start(), bounds.end());
        Err(self.invalid(section, key, problem))
    }
}

/// The process's environment, for [`Config::load`]. Bytes that are no text are replaced, so that they are
/// refused where they matter and not where they do not.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Config").field(&self.masked).finish()
    }
}
