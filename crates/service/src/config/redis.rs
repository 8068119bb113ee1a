//! `[redis]`: where the fleet's shared state lives.

use secrecy::{ExposeSecret, SecretString};
use textproof::store::redis::KeyPrefix;

use super::{Config, ConfigError};

/// The store and its keys.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// The beginning of every key: `tp1:`.
    pub key_prefix: KeyPrefix,
}

/// Where the state lives.
#[derive(Debug, Clone)]
pub enum RedisUrl {
    /// In this process, for `dev` and `tour`.
    Memory,
    /// A Redis server, `redis://…` or `rediss://…`; secret because of the password in it.
    Server(SecretString),
}

impl Config {
    /// The store, in memory or on a server.
    ///
    /// # Errors
    /// [`ConfigError`] when no URL is set, or one of a kind that this version does not support.
    pub fn redis(&self) -> Result<RedisSettings, ConfigError> {
        let redis = &self.raw.redis;
        let url = self
            .secret("redis", "url", redis.url.as_ref(), redis.url_file.as_deref())?
            .ok_or_else(|| self.missing("redis", "url"))?;
        let url = self.redis_url(url)?;
        if redis.min_replicas != 0 {
            return Err(self.unsupported(
                "redis",
                "min_replicas",
                "this version does not wait for replicas: only 0",
            ));
        }
        let key_prefix = KeyPrefix::new(redis.key_prefix.as_str())
            .map_err(|error| self.invalid("redis", "key_prefix", error.to_string()))?;
        Ok(RedisSettings { url, key_prefix })
    }

    /// The store, for processes that share it: never in memory.
    ///
    /// # Errors
    /// As [`Config::redis`], and for `memory:`.
    pub fn redis_server(&self) -> Result<(SecretString, RedisSettings), ConfigError> {
        let settings = self.redis()?;
        match &settings.url {
            RedisUrl::Server(url) => Ok((url.clone(), settings)),
            RedisUrl::Memory => {
                let problem =
                    "`memory:` is one process's own: this process shares its state, and needs redis://";
                Err(self.invalid("redis", "url", problem))
            }
        }
    }

    fn redis_url(&self, url: SecretString) -> Result<RedisUrl, ConfigError> {
        let text = url.expose_secret();
        let unsupported =
            |kind: &str| self.unsupported("redis", "url", format!("{kind} is not supported by this version"));
        match text.split_once(':') {
            Some(("memory", "")) => Ok(RedisUrl::Memory),
            Some(("redis+cluster", _)) => Err(unsupported("redis+cluster://")),
            Some(("redis+sentinel", _)) => Err(unsupported("redis+sentinel://")),
            Some(("redis" | "rediss", rest)) if rest.starts_with("//") && rest.len() > 2 => {
                Ok(RedisUrl::Server(url))
            }
            _ => {
                Err(self.invalid("redis", "url", "must be redis://HOST:PORT, rediss://HOST:PORT or memory:"))
            }
        }
    }
}
