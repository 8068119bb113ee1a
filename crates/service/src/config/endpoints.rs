//! `[[endpoint]]`: who may post webhooks, and what they mean.

use axum::http::HeaderName;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, MapDeserializer};
use textproof::webhook::{
    Authentication, Dialect, Endpoint, EndpointError, EndpointSettings, HmacBody, KeyEncoding, SecretEntry,
};

use super::raw::{RawAuth, RawEndpoint, RawSecret};
use super::schema::endpoint_path;
use super::secrets;
use super::{Config, ConfigError};
use crate::exit::one_line;

impl Config {
    /// All endpoints, in the order of the file.
    ///
    /// # Errors
    /// [`ConfigError`] for an endpoint without a name, dialect, scheme or secret, for two of one name, for
    /// schemes and dialects that this version does not know, and for all that [`Endpoint::new`] refuses.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, ConfigError> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (index, raw) in self.raw.endpoint.iter().enumerate() {
            let name = raw.name.as_deref().ok_or_else(|| ConfigError::Missing {
                key: format!("the name of [[endpoint]] number {}", index + 1),
                remedy: format!("set it in {}: NAME is posted to at /hooks/NAME", self.file),
            })?;
            let reader = Reader { config: self, name };
            let mut endpoint =
                Endpoint::new(reader.settings(raw)?).map_err(|error| reader.refused(&error))?;
            if let Some(pointers) = &raw.pointers {
                endpoint =
                    endpoint.with_pointers(pointers.clone()).map_err(|error| reader.refused(&error))?;
            }
            if endpoints.iter().any(|earlier| earlier.name() == name) {
                return Err(reader.invalid("name", "two endpoints have it"));
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }
}

/// Reads one endpoint, and names it in refusals.
struct Reader<'a> {
    config: &'a Config,
    name: &'a str,
}

impl Reader<'_> {
    fn settings(&self, raw: &RawEndpoint) -> Result<EndpointSettings, ConfigError> {
        Ok(EndpointSettings {
            name: self.name.to_owned(),
            tenant: raw.tenant.clone(),
            dialect: self.dialect(raw.dialect.as_deref())?,
            authentication: self.authentication(raw.auth.as_ref())?,
            secrets: (1..)
                .zip(&raw.secrets)
                .map(|(number, raw)| self.secret(number, raw))
                .collect::<Result<_, _>>()?,
        })
    }

    fn dialect(&self, name: Option<&str>) -> Result<Dialect, ConfigError> {
        let name = name.ok_or_else(|| self.invalid("dialect", "is not set: it says what the JSON means"))?;
        name.parse().map_err(|known| {
            self.unsupported("dialect", format!("this version does not know {name:?}: {known}"))
        })
    }

    fn authentication(&self, raw: Option<&RawAuth>) -> Result<Authentication, ConfigError> {
        let scheme = raw.and_then(|auth| auth.scheme.as_deref());
        let (Some(raw), Some(scheme)) = (raw, scheme) else {
            return Err(self.invalid("auth.scheme", "is not set, and anyone could post here"));
        };
        let alone = MapDeserializer::<_, ValueError>::new([("scheme", scheme)].into_iter());
        let mut authentication = Authentication::deserialize(alone).map_err(|known| {
            let problem = format!("this version does not know {scheme:?}: {}", one_line(&known.to_string()));
            self.unsupported("auth.scheme", problem)
        })?;
        match &mut authentication {
            Authentication::HmacBody(settings) => self.hmac_body(raw, settings)?,
            _ if raw.header.is_some() || raw.prefix.is_some() || raw.key_encoding.is_some() => {
                return Err(self.invalid("auth", format!("{scheme} has no header, prefix or key_encoding")));
            }
            _ => {}
        }
        Ok(authentication)
    }

    /// Replaces the defaults with what is set.
    fn hmac_body(&self, raw: &RawAuth, settings: &mut HmacBody) -> Result<(), ConfigError> {
        if let Some(header) = &raw.header {
            settings.header = HeaderName::try_from(header)
                .map_err(|_| self.invalid("auth.header", format!("{header:?} is no header name")))?;
        }
        if let Some(prefix) = &raw.prefix {
            settings.prefix.clone_from(prefix);
        }
        if let Some(encoding) = raw.key_encoding.as_deref() {
            settings.key_encoding =
                KeyEncoding::deserialize(encoding.into_deserializer()).map_err(|known: ValueError| {
                    self.unsupported("auth.key_encoding", one_line(&known.to_string()))
                })?;
        }
        Ok(())
    }

    /// Secrets go by their number here: an id that has not been checked may be the secret itself.
    fn secret(&self, number: usize, raw: &RawSecret) -> Result<SecretEntry, ConfigError> {
        let place = self.place("secrets");
        let path = format!("{} number {number} value", self.path("secrets"));
        let value = secrets::resolve(raw.value.as_ref(), raw.value_file.as_deref(), &path, &place)?
            .ok_or_else(|| {
                self.invalid("secrets", format!("number {number} needs a value or a value_file"))
            })?;
        let not_after = raw.not_after.as_deref().map(str::parse).transpose().map_err(|_| {
            let problem =
                format!("not_after of number {number} must be a time such as \"2026-12-01T00:00:00Z\"");
            self.invalid("secrets", problem)
        })?;
        Ok(SecretEntry { id: raw.id.clone().unwrap_or_default(), value, not_after })
    }

    fn refused(&self, error: &EndpointError) -> ConfigError {
        let key = match error {
            EndpointError::Name => "name",
            EndpointError::Tenant => "tenant",
            EndpointError::Prefix => "auth.prefix",
            EndpointError::Pointers(_) => "pointers",
            // All others are about secrets.
            _ => "secrets",
        };
        self.invalid(key, error.to_string())
    }

    fn invalid(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::invalid(self.path(key), self.place(key), problem)
    }

    fn unsupported(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::unsupported(self.path(key), self.place(key), problem)
    }

    /// How messages call a key; a name that is refused may have line breaks.
    fn path(&self, key: &str) -> String {
        endpoint_path(&self.name.escape_debug().to_string(), key)
    }

    /// A variable replaces `auth` as a whole: `auth.scheme` comes from where `auth` does.
    fn place(&self, key: &str) -> String {
        let key = key.split('.').next().unwrap_or(key);
        self.config.place(&endpoint_path(self.name, key))
    }
}
