//! An endpoint: one webhook address with its dialect, its authentication and its secrets.

use std::fmt;

use jiff::Timestamp;

use super::{
    AllowedAddresses, Dialect, PointerError, PointerSettings,
    dialect::Pointers,
    header_secret,
    header_secret::HeaderSecret,
    path_secret,
    rotation::{LastUse, Life},
    settings::{
        Authentication, EndpointError, EndpointSettings, EndpointWarning, SecretEntry, WEAK_KEY_BYTES,
    },
    shared_secret::SharedSecret,
    signature::Signature,
    signing_key::SigningKey,
};

/// A webhook address whose requests can be verified. Built once at start, shared by all requests.
///
/// `Debug` shows names and ids only.
pub struct Endpoint {
    name: String,
    tenant: String,
    dialect: Dialect,
    pointers: Pointers,
    scheme: Scheme,
    addresses: Option<AllowedAddresses>,
    warnings: Vec<EndpointWarning>,
}

impl Endpoint {
    /// Checks the settings and prepares the keys.
    ///
    /// # Errors
    /// [`EndpointError`] names what is wrong; it never contains a secret.
    pub fn new(settings: EndpointSettings) -> Result<Self, EndpointError> {
        settings.check()?;
        let EndpointSettings { name, tenant, dialect, authentication, secrets, addresses } = settings;
        let scheme = Scheme::new(authentication, &secrets)?;
        let warnings = scheme.warnings();
        Ok(Self { name, tenant, dialect, pointers: Pointers::default(), scheme, addresses, warnings })
    }

    /// The same endpoint, reading its generic payloads where these pointers say.
    ///
    /// # Errors
    /// [`EndpointError::Pointers`] when they do not fit together, or the dialect has fields of its own.
    pub fn with_pointers(self, settings: PointerSettings) -> Result<Self, EndpointError> {
        if self.dialect != Dialect::Generic {
            return Err(PointerError::NotGeneric.into());
        }
        Ok(Self { pointers: Pointers::new(settings)?, ..self })
    }

    /// The path segment after `/hooks/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tenant that its events belong to.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// What the JSON means.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The scheme's name in configuration, for logs and metrics; `none` for an endpoint that asks for nothing.
    #[must_use]
    pub fn scheme_name(&self) -> &'static str {
        match &self.scheme {
            Scheme::Signed { signature, .. } => signature.name(),
            Scheme::PathSecret(_) => "path-secret",
            Scheme::Basic(_) => "basic",
            Scheme::HeaderSecret { .. } => "header-secret",
            Scheme::Insecure => "none",
        }
    }

    /// Whether the scheme signs the body, so that a body that makes no sense is still the gateway's own.
    #[must_use]
    pub fn signs_body(&self) -> bool {
        matches!(self.scheme, Scheme::Signed { .. })
    }

    /// What an operator should know about settings that are accepted all the same.
    #[must_use]
    pub fn warnings(&self) -> &[EndpointWarning] {
        &self.warnings
    }

    pub(super) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    pub(super) fn pointers(&self) -> &Pointers {
        &self.pointers
    }

    pub(super) fn addresses(&self) -> Option<&AllowedAddresses> {
        self.addresses.as_ref()
    }

    pub(super) fn lives(&self) -> Vec<Life<'_>> {
        match &self.scheme {
            Scheme::Signed { keys, .. } => keys.iter().map(Life::from).collect(),
            Scheme::PathSecret(secrets) | Scheme::Basic(secrets) | Scheme::HeaderSecret { secrets, .. } => {
                secrets.iter().map(Life::from).collect()
            }
            Scheme::Insecure => Vec::new(),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("tenant", &self.tenant)
            .field("dialect", &self.dialect)
            .field("scheme", &self.scheme_name())
            .finish_non_exhaustive()
    }
}

/// A scheme with its keys prepared: what is computed from a secret is computed once.
pub(super) enum Scheme {
    Signed { signature: Signature, keys: Vec<Held<SigningKey>> },
    PathSecret(Vec<Held<SharedSecret>>),
    Basic(Vec<Held<SharedSecret>>),
    HeaderSecret { settings: HeaderSecret, secrets: Vec<Held<SharedSecret>> },
    Insecure,
}

impl Scheme {
    fn new(authentication: Authentication, secrets: &[SecretEntry]) -> Result<Self, EndpointError> {
        let signed = |signature: Signature| {
            let keys = held(secrets, |entry| signature.key_encoding().key(entry))?;
            Ok(Self::Signed { signature, keys })
        };
        match authentication {
            Authentication::HmacBody(settings) => {
                settings.check()?;
                signed(Signature::HmacBody(settings))
            }
            Authentication::StandardWebhooks {} => signed(Signature::StandardWebhooks),
            Authentication::Github {} => signed(Signature::Github),
            Authentication::Stripe {} => signed(Signature::Stripe),
            Authentication::Slack {} => signed(Signature::Slack),
            Authentication::PathSecret {} => Ok(Self::PathSecret(held(secrets, path_secret::secret)?)),
            Authentication::Basic(settings) => {
                settings.check()?;
                Ok(Self::Basic(held(secrets, |entry| settings.secret(entry))?))
            }
            Authentication::HeaderSecret(settings) => {
                settings.check()?;
                let secrets = held(secrets, header_secret::secret)?;
                Ok(Self::HeaderSecret { settings, secrets })
            }
            Authentication::Insecure => Ok(Self::Insecure),
        }
    }

    fn warnings(&self) -> Vec<EndpointWarning> {
        match self {
            Self::Signed { keys, .. } => {
                let weak = keys.iter().filter(|key| key.key.bytes < WEAK_KEY_BYTES);
                let warning = |key: &Held<SigningKey>| EndpointWarning::ShortKey {
                    id: key.id.clone(),
                    bytes: key.key.bytes,
                };
                weak.map(warning).collect()
            }
            Self::Insecure => vec![EndpointWarning::Insecure],
            _ => Vec::new(),
        }
    }
}

/// A prepared secret with its id and its end.
pub(super) struct Held<K> {
    pub(super) id: String,
    pub(super) not_after: Option<Timestamp>,
    pub(super) last_use: LastUse,
    pub(super) key: K,
}

impl<K> Held<K> {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.not_after.is_none_or(|end| now <= end)
    }

    /// Notes that it verified a request, and gives its id.
    pub(super) fn used(&self, now: Timestamp) -> &str {
        self.last_use.note(now);
        &self.id
    }
}

fn held<K>(
    secrets: &[SecretEntry],
    prepare: impl Fn(&SecretEntry) -> Result<K, EndpointError>,
) -> Result<Vec<Held<K>>, EndpointError> {
    let hold = |entry: &SecretEntry| {
        Ok(Held {
            key: prepare(entry)?,
            id: entry.id.clone(),
            not_after: entry.not_after,
            last_use: LastUse::never(),
        })
    };
    secrets.iter().map(hold).collect()
}

#[cfg(test)]
mod tests;
