//! `[[forward]]`: places that events are handed on to.

use secrecy::SecretString;
use textproof::forward::{Destination, DestinationError, DestinationSettings};

use super::raw::RawForward;
use super::schema::{FORWARDS, entry_path};
use super::secrets;
use super::{Config, ConfigError};

/// More places than anybody has; each may get every event.
const MAX_FORWARDS: usize = 64;

impl Config {
    /// All forwards, in the order of the file.
    ///
    /// # Errors
    /// [`ConfigError`] for a forward without a name, a URL or a secret, for two of one name, and for all that
    /// [`Destination::new`] refuses.
    pub fn forwards(&self) -> Result<Vec<Destination>, ConfigError> {
        if self.raw.forward.len() > MAX_FORWARDS {
            let problem = format!("there may be at most {MAX_FORWARDS} forwards");
            return Err(ConfigError::invalid(FORWARDS, &self.file, problem));
        }
        let mut destinations: Vec<Destination> = Vec::new();
        for (number, raw) in (1..).zip(&self.raw.forward) {
            let name = raw.name.as_deref().ok_or_else(|| ConfigError::Missing {
                key: format!("the name of [[{FORWARDS}]] number {number}"),
                remedy: format!("set it in {}: rules name the forward by it", self.file),
            })?;
            let reader = Reader { config: self, name };
            let destination = reader.destination(raw)?;
            // In a variable's name they would be the same.
            let same = |other: &Destination| variable_name(other.name()) == variable_name(name);
            if destinations.iter().any(same) {
                return Err(reader.invalid("name", "two forwards have it"));
            }
            destinations.push(destination);
        }
        Ok(destinations)
    }

    /// Whether there is a forward of this name.
    pub(super) fn has_forward(&self, name: &str) -> bool {
        self.raw.forward.iter().any(|raw| raw.name.as_deref() == Some(name))
    }
}

/// Reads one forward, and names it in refusals.
struct Reader<'a> {
    config: &'a Config,
    name: &'a str,
}

impl Reader<'_> {
    fn destination(&self, raw: &RawForward) -> Result<Destination, ConfigError> {
        let url = raw.url.as_deref().ok_or_else(|| self.missing("url"))?;
        let (path, place) = (self.path("secret"), self.place("secret"));
        let secret = secrets::resolve(raw.secret.as_ref(), raw.secret_file.as_deref(), &path, &place)?
            .ok_or_else(|| self.missing("secret"))?;
        let settings = DestinationSettings {
            name: self.name.to_owned(),
            url: SecretString::from(url),
            secret,
            allow_private: raw.allow_private,
            every_event: raw.every_event,
        };
        Destination::new(settings).map_err(|error| {
            let key = match error {
                DestinationError::Name => "name",
                DestinationError::Secret(_) if raw.secret_file.is_some() => "secret_file",
                DestinationError::Secret(_) => "secret",
                _ => "url",
            };
            self.invalid(key, error.to_string())
        })
    }

    fn missing(&self, key: &str) -> ConfigError {
        let (file, variable) = (&self.config.file, variable_name(self.name));
        let variable = format!("TEXTPROOF_FORWARD_{variable}_{}", key.to_uppercase());
        ConfigError::Missing { key: self.path(key), remedy: format!("set it in {file} or as {variable}") }
    }

    fn invalid(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::invalid(self.path(key), self.place(key), problem)
    }

    /// How messages call a key; a name that is refused may have line breaks.
    fn path(&self, key: &str) -> String {
        entry_path(FORWARDS, &self.name.escape_debug().to_string(), key)
    }

    fn place(&self, key: &str) -> String {
        self.config.place(&entry_path(FORWARDS, self.name, key))
    }
}

fn variable_name(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}
