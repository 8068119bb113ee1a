//! `[redis]`: where the fleet's shared state lives.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use textproof::store::redis::KeyPrefix;

use super::layers::read_bounded;
use super::{Config, ConfigError};

/// More replicas than this are a slip of the finger.
const MOST_REPLICAS: u32 = 16;

/// The store and its keys.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// Who asks the sentinels, where they have users.
    pub sentinel_user: Option<String>,
    /// The sentinels' password, where they have one.
    pub sentinel_password: Option<SecretString>,
    /// Who signs its certificate, as PEM, where that is none of the system's authorities.
    pub authorities: Option<Vec<u8>>,
    /// The beginning of every key: `tp1:`.
    pub key_prefix: KeyPrefix,
    /// How many replicas must have a send or a guess before it counts.
    pub min_replicas: u32,
}

/// Where the state lives.
#[derive(Debug, Clone)]
pub enum RedisUrl {
    /// In this process, for `dev` and `tour`.
    Memory,
    /// A Redis server, `redis://…` or `rediss://…`, one that sentinels name, `redis+sentinel://…` or
    /// `rediss+sentinel://…`, or a cluster, `redis+cluster://…` or `rediss+cluster://…`; secret because of the password in it.
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
        let min_replicas = u32::try_from(redis.min_replicas)
            .ok()
            .filter(|replicas| *replicas <= MOST_REPLICAS)
            .ok_or_else(|| self.invalid("redis", "min_replicas", format!("must be 0 to {MOST_REPLICAS}")))?;
        let key_prefix = KeyPrefix::new(redis.key_prefix.as_str())
            .map_err(|error| self.invalid("redis", "key_prefix", error.to_string()))?;
        let authorities = self.authorities(&url)?;
        let (sentinel_user, sentinel_password) = self.asking_sentinels(&url)?;
        Ok(RedisSettings { url, sentinel_user, sentinel_password, authorities, key_prefix, min_replicas })
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

    /// Who asks the sentinels, and with which password.
    fn asking_sentinels(
        &self,
        url: &RedisUrl,
    ) -> Result<(Option<String>, Option<SecretString>), ConfigError> {
        let redis = &self.raw.redis;
        let (value, file) = (redis.sentinel_password.as_ref(), redis.sentinel_password_file.as_deref());
        let password = self.secret("redis", "sentinel_password", value, file)?;
        let sentinels = matches!(url, RedisUrl::Server(url) if url.expose_secret().contains("+sentinel://"));
        let set = if password.is_some() { Some("sentinel_password") } else { None };
        match set.or(redis.sentinel_user.as_ref().map(|_| "sentinel_user")) {
            Some(key) if !sentinels => {
                let problem = "is for redis+sentinel:// alone: this URL names no sentinels";
                Err(self.invalid("redis", key, problem))
            }
            Some("sentinel_user") => {
                let problem = "needs redis.sentinel_password: a user is nobody without one";
                Err(self.invalid("redis", "sentinel_user", problem))
            }
            _ => Ok((redis.sentinel_user.clone(), password)),
        }
    }

    fn authorities(&self, url: &RedisUrl) -> Result<Option<Vec<u8>>, ConfigError> {
        let Some(file) = &self.raw.redis.ca_file else { return Ok(None) };
        if !matches!(url, RedisUrl::Server(url) if url.expose_secret().starts_with("rediss")) {
            let problem = "is for rediss:// alone: this URL is not spoken to by TLS";
            return Err(self.invalid("redis", "ca_file", problem));
        }
        let text = read_bounded(Path::new(file)).map_err(|source| ConfigError::Unreadable {
            what: "redis.ca_file".to_owned(),
            path: file.clone(),
            source,
        })?;
        Ok(Some(text.into_bytes()))
    }

    fn redis_url(&self, url: SecretString) -> Result<RedisUrl, ConfigError> {
        let text = url.expose_secret();
        match text.split_once(':') {
            Some(("memory", "")) => Ok(RedisUrl::Memory),
            Some(("redis+sentinel" | "rediss+sentinel", rest)) if names_a_primary(rest) => {
                Ok(RedisUrl::Server(url))
            }
            Some(("redis" | "rediss" | "redis+cluster" | "rediss+cluster", rest))
                if rest.starts_with("//") && rest.len() > 2 =>
            {
                Ok(RedisUrl::Server(url))
            }
            _ => {
                let forms = "must be redis://HOST:PORT, rediss://HOST:PORT, redis+cluster://HOST:PORT,HOST:PORT, \
                             redis+sentinel://HOST:PORT,HOST:PORT/NAME or memory:";
                Err(self.invalid("redis", "url", forms))
            }
        }
    }
}

/// Whether something stands between the sentinels and the end: what, the store looks at.
fn names_a_primary(rest: &str) -> bool {
    let hosts_and_name = rest.strip_prefix("//").and_then(|rest| rest.rsplit('@').next()?.split_once('/'));
    hosts_and_name.is_some_and(|(hosts, name)| !hosts.is_empty() && !name.is_empty())
}
