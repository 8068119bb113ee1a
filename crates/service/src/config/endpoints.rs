//! `[[endpoint]]`: who may post webhooks, and what they mean.

use textproof::webhook::{
    AddressesError, AllowedAddresses, Dialect, Endpoint, EndpointError, EndpointSettings, SecretEntry,
};

use super::raw::{RawEndpoint, RawSecret};
use super::schema::{ENDPOINTS, entry_path};
use super::secrets;
use super::{Config, ConfigError};

impl Config {
    /// All endpoints, in the order of the file.
    ///
    /// # Errors
    /// [`ConfigError`] for an endpoint without a name, dialect, scheme or secret, for two of one name, for
    /// schemes and dialects that this version does not know, and for all that [`Endpoint::new`] refuses.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, ConfigError> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for reader in self.endpoint_readers() {
            let (reader, raw) = reader?;
            let mut endpoint =
                Endpoint::new(reader.settings(raw)?).map_err(|error| reader.refused(&error))?;
            if let Some(pointers) = &raw.pointers {
                endpoint =
                    endpoint.with_pointers(pointers.clone()).map_err(|error| reader.refused(&error))?;
            }
            if endpoints.iter().any(|earlier| earlier.name() == reader.name) {
                return Err(reader.invalid("name", "two endpoints have it"));
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }

    /// What one endpoint would be built from, for whoever looks at a request that it refused; `None` when no
    /// endpoint has that name. The secrets of others are not read.
    ///
    /// # Errors
    /// As [`Config::endpoints`], for this one.
    pub fn endpoint_settings(&self, name: &str) -> Result<Option<EndpointSettings>, ConfigError> {
        for reader in self.endpoint_readers() {
            let (reader, raw) = reader?;
            if reader.name == name {
                let settings = reader.settings(raw)?;
                Endpoint::new(settings.clone()).map_err(|error| reader.refused(&error))?;
                return Ok(Some(settings));
            }
        }
        Ok(None)
    }

    /// Names of all endpoints, in the order of the file.
    pub fn endpoint_names(&self) -> Vec<&str> {
        self.raw.endpoint.iter().filter_map(|raw| raw.name.as_deref()).collect()
    }

    fn endpoint_readers(&self) -> impl Iterator<Item = Result<(Reader<'_>, &RawEndpoint), ConfigError>> {
        (1..).zip(&self.raw.endpoint).map(|(number, raw)| {
            let name = raw.name.as_deref().ok_or_else(|| ConfigError::Missing {
                key: format!("the name of [[endpoint]] number {number}"),
                remedy: format!("set it in {}: NAME is posted to at /hooks/NAME", self.file),
            })?;
            Ok((Reader { config: self, name }, raw))
        })
    }
}

/// Reads one endpoint, and names it in refusals.
pub(super) struct Reader<'a> {
    config: &'a Config,
    name: &'a str,
}

impl Reader<'_> {
    fn settings(&self, raw: &RawEndpoint) -> Result<EndpointSettings, ConfigError> {
        Ok(EndpointSettings {
            name: self.name.to_owned(),
            tenant: raw.tenant.clone(),
            dialect: self.dialect(raw.dialect.as_deref())?,
            authentication: self.authentication(raw)?,
            secrets: (1..)
                .zip(&raw.secrets)
                .map(|(number, raw)| self.secret(number, raw))
                .collect::<Result<_, _>>()?,
            addresses: raw.addresses.as_ref().map(|networks| self.addresses(networks)).transpose()?,
        })
    }

    /// All endpoints stand behind the same proxies.
    fn addresses(&self, networks: &[String]) -> Result<AllowedAddresses, ConfigError> {
        let hops = usize::try_from(self.config.raw.ingest.trusted_hops).unwrap_or(usize::MAX);
        AllowedAddresses::new(networks, hops).map_err(|error| match error {
            AddressesError::TrustedHops => self.config.invalid("ingest", "trusted_hops", error.to_string()),
            error => self.invalid("addresses", error.to_string()),
        })
    }

    fn dialect(&self, name: Option<&str>) -> Result<Dialect, ConfigError> {
        let name = name.ok_or_else(|| self.invalid("dialect", "is not set: it says what the JSON means"))?;
        name.parse().map_err(|known| {
            self.unsupported("dialect", format!("this version does not know {name:?}: {known}"))
        })
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
            EndpointError::Prefix | EndpointError::SecretPrefix => "auth.prefix",
            EndpointError::User => "auth.user",
            EndpointError::Pointers(_) => "pointers",
            // All others are about secrets.
            _ => "secrets",
        };
        self.invalid(key, error.to_string())
    }

    pub(super) fn invalid(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::invalid(self.path(key), self.place(key), problem)
    }

    pub(super) fn unsupported(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::unsupported(self.path(key), self.place(key), problem)
    }

    /// How messages call a key; a name that is refused may have line breaks.
    fn path(&self, key: &str) -> String {
        entry_path(ENDPOINTS, &self.name.escape_debug().to_string(), key)
    }

    /// A variable replaces `auth` as a whole: `auth.scheme` comes from where `auth` does.
    fn place(&self, key: &str) -> String {
        let key = key.split('.').next().unwrap_or(key);
        self.config.place(&entry_path(ENDPOINTS, self.name, key))
    }
}
