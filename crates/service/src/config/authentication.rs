//! `auth` of an endpoint: the scheme, and the settings that it has.

use axum::http::HeaderName;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, MapDeserializer};
use textproof::webhook::{Authentication, KeyEncoding};

use super::ConfigError;
use super::endpoints::Reader;
use super::raw::{RawAuth, RawEndpoint};
use crate::exit::one_line;

impl Reader<'_> {
    /// Without authentication, and only so, an endpoint says `insecure = true`; beside an `auth` that would be
    /// left over from somewhere, and one of the two not meant.
    pub(super) fn authentication(&self, raw: &RawEndpoint) -> Result<Authentication, ConfigError> {
        match (&raw.auth, raw.insecure) {
            (None, true) if raw.secrets.is_empty() => Ok(Authentication::Insecure),
            (_, true) => {
                let problem =
                    "is true, and auth or secrets stand beside it: keep one, for true lets anyone post here";
                Err(self.invalid("insecure", problem))
            }
            (auth, false) => self.scheme(auth.as_ref()),
        }
    }

    fn scheme(&self, raw: Option<&RawAuth>) -> Result<Authentication, ConfigError> {
        let scheme = raw.and_then(|auth| auth.scheme.as_deref());
        let (Some(raw), Some(scheme)) = (raw, scheme) else {
            return Err(self.invalid("auth.scheme", "is not set, and anyone could post here"));
        };
        let alone = MapDeserializer::<_, ValueError>::new([("scheme", scheme)].into_iter());
        let mut authentication = Authentication::deserialize(alone).map_err(|known| {
            let problem = format!("this version does not know {scheme:?}: {}", one_line(&known.to_string()));
            self.unsupported("auth.scheme", problem)
        })?;
        let takes: &[&str] = match &mut authentication {
            Authentication::HmacBody(settings) => {
                self.header(raw, &mut settings.header)?;
                replace(&mut settings.prefix, raw.prefix.as_ref());
                self.key_encoding(raw, &mut settings.key_encoding)?;
                &["header", "prefix", "key_encoding"]
            }
            Authentication::HeaderSecret(settings) => {
                self.header(raw, &mut settings.header)?;
                replace(&mut settings.prefix, raw.prefix.as_ref());
                &["header", "prefix"]
            }
            Authentication::Basic(settings) => {
                replace(&mut settings.user, raw.user.as_ref());
                &["user"]
            }
            _ => &[],
        };
        let given = [
            ("header", raw.header.is_some()),
            ("prefix", raw.prefix.is_some()),
            ("key_encoding", raw.key_encoding.is_some()),
            ("user", raw.user.is_some()),
        ];
        match given.iter().find(|(key, given)| *given && !takes.contains(key)) {
            Some((key, _)) => Err(self.invalid("auth", format!("{scheme} has no {key}"))),
            None => Ok(authentication),
        }
    }

    fn header(&self, raw: &RawAuth, header: &mut HeaderName) -> Result<(), ConfigError> {
        if let Some(name) = &raw.header {
            *header = HeaderName::try_from(name)
                .map_err(|_| self.invalid("auth.header", format!("{name:?} is no header name")))?;
        }
        Ok(())
    }

    fn key_encoding(&self, raw: &RawAuth, encoding: &mut KeyEncoding) -> Result<(), ConfigError> {
        if let Some(name) = raw.key_encoding.as_deref() {
            *encoding = KeyEncoding::deserialize(name.into_deserializer()).map_err(|known: ValueError| {
                self.unsupported("auth.key_encoding", one_line(&known.to_string()))
            })?;
        }
        Ok(())
    }
}

/// Replaces a default with what is set.
fn replace(setting: &mut String, given: Option<&String>) {
    if let Some(given) = given {
        setting.clone_from(given);
    }
}
