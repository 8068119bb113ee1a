//! An endpoint: one webhook address with its dialect, its authentication and its secrets.

use std::fmt;

use jiff::Timestamp;

use super::{
    Dialect, PointerError, PointerSettings,
    dialect::Pointers,
    hmac_body::{HmacBody, HmacBodyKey},
    path_secret::PathSecret,
    settings::{
        Authentication, EndpointError, EndpointSettings, EndpointWarning, SecretEntry, WEAK_KEY_BYTES,
    },
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
    warnings: Vec<EndpointWarning>,
}

impl Endpoint {
    /// Checks the settings and prepares the keys.
    ///
    /// # Errors
    /// [`EndpointError`] names what is wrong; it never contains a secret.
    pub fn new(settings: EndpointSettings) -> Result<Self, EndpointError> {
        settings.check()?;
        let EndpointSettings { name, tenant, dialect, authentication, secrets } = settings;
        let mut warnings = Vec::new();
        let scheme = match authentication {
            Authentication::HmacBody(settings) => {
                settings.check()?;
                let key = |entry: &SecretEntry| {
                    let key = settings.key(entry)?;
                    if key.bytes < WEAK_KEY_BYTES {
                        let (id, bytes) = (entry.id.clone(), key.bytes);
                        warnings.push(EndpointWarning::ShortKey { id, bytes });
                    }
                    Ok(key)
                };
                let keys = held(&secrets, key)?;
                Scheme::HmacBody { settings, keys }
            }
            Authentication::PathSecret {} => Scheme::PathSecret(held(&secrets, PathSecret::new)?),
        };
        Ok(Self { name, tenant, dialect, pointers: Pointers::default(), scheme, warnings })
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

    /// The scheme's name in configuration, for logs and metrics.
    #[must_use]
    pub fn scheme_name(&self) -> &'static str {
        match self.scheme {
            Scheme::HmacBody { .. } => "hmac-body",
            Scheme::PathSecret(_) => "path-secret",
        }
    }

    /// Whether the scheme signs the body, so that a body that makes no sense is still the gateway's own.
    #[must_use]
    pub fn signs_body(&self) -> bool {
        match self.scheme {
            Scheme::HmacBody { .. } => true,
            Scheme::PathSecret(_) => false,
        }
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
    HmacBody { settings: HmacBody, keys: Vec<Held<HmacBodyKey>> },
    PathSecret(Vec<Held<PathSecret>>),
}

/// A prepared secret with its id and its end.
pub(super) struct Held<K> {
    pub(super) id: String,
    pub(super) not_after: Option<Timestamp>,
    pub(super) key: K,
}

impl<K> Held<K> {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.not_after.is_none_or(|end| now <= end)
    }
}

fn held<K>(
    secrets: &[SecretEntry],
    mut prepare: impl FnMut(&SecretEntry) -> Result<K, EndpointError>,
) -> Result<Vec<Held<K>>, EndpointError> {
    let hold = |entry: &SecretEntry| {
        Ok(Held { key: prepare(entry)?, id: entry.id.clone(), not_after: entry.not_after })
    };
    secrets.iter().map(hold).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::{super::KeyEncoding, *};

    fn settings(authentication: Authentication, secrets: &[(&str, &str)]) -> EndpointSettings {
        let entry = |&(id, value): &(&str, &str)| SecretEntry {
            id: id.into(),
            value: SecretString::from(value),
            not_after: None,
        };
        EndpointSettings {
            name: "mac".into(),
            tenant: "default".into(),
            dialect: Dialect::MobileApiConnect,
            authentication,
            secrets: secrets.iter().map(entry).collect(),
        }
    }

    fn hmac(secrets: &[(&str, &str)]) -> Result<Endpoint, EndpointError> {
        Endpoint::new(settings(Authentication::HmacBody(HmacBody::default()), secrets))
    }

    fn path(secrets: &[(&str, &str)]) -> Result<Endpoint, EndpointError> {
        Endpoint::new(settings(Authentication::PathSecret {}, secrets))
    }

    #[test]
    fn names_fit_a_path_and_a_label() {
        for (name, good) in [
            ("mac", true),
            ("a-1", true),
            ("", false),
            ("Mac", false),
            ("a/b", false),
            (&"a".repeat(33), false),
        ] {
            let mut settings = settings(Authentication::PathSecret {}, &[("a", "AAAAAAAAAAAAAAAAAAAAAA")]);
            settings.name = name.into();
            assert_eq!(Endpoint::new(settings).is_ok(), good, "{name}");
        }
    }

    #[test]
    fn an_endpoint_that_anyone_could_post_to_is_refused() {
        assert_eq!(hmac(&[]).unwrap_err(), EndpointError::NoSecrets);
        assert_eq!(hmac(&[("a", "")]).unwrap_err(), EndpointError::EmptySecret("a".into()));
        for weak in ["short", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAAAAAAA é"] {
            assert_eq!(
                path(&[("a", weak)]).unwrap_err(),
                EndpointError::WeakPathSecret("a".into()),
                "{weak}"
            );
        }
        assert!(path(&[("a", "AAAAAAAAAAAAAAAAAAAA_-")]).is_ok());
    }

    #[test]
    fn nothing_left_after_the_key_encoding_is_an_empty_secret() {
        for encoding in [KeyEncoding::Utf8Stripped, KeyEncoding::Base64] {
            let auth = Authentication::HmacBody(HmacBody { key_encoding: encoding, ..HmacBody::default() });
            let error = Endpoint::new(settings(auth, &[("a", "whsec_")])).unwrap_err();
            assert_eq!(error, EndpointError::EmptySecret("a".into()));
        }
    }

    #[test]
    fn secret_ids_are_labels_and_unique() {
        let twice = hmac(&[("a", "0123456789abcdef"), ("a", "fedcba9876543210")]);
        assert_eq!(twice.unwrap_err(), EndpointError::DuplicateSecretId("a".into()));
        assert_eq!(hmac(&[("a b", "x")]).unwrap_err(), EndpointError::SecretId { position: 1 });
    }

    #[test]
    fn a_short_signing_key_is_a_warning() {
        let endpoint = hmac(&[("new", "0123456789abcdef"), ("old", "short")]).unwrap();
        assert_eq!(endpoint.warnings(), [EndpointWarning::ShortKey { id: "old".into(), bytes: 5 }]);
    }

    #[test]
    fn nothing_that_prints_holds_a_secret() {
        let secrets = [("a", "whsec_canary-canary-canary")];
        let settings = settings(Authentication::HmacBody(HmacBody::default()), &secrets);
        assert!(!format!("{settings:?}").contains("canary"));
        assert!(!format!("{:?}", Endpoint::new(settings).unwrap()).contains("canary"));
        let auth = HmacBody { key_encoding: KeyEncoding::Base64, ..HmacBody::default() };
        let error = Endpoint::new(self::settings(Authentication::HmacBody(auth), &secrets)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn authentication_reads_as_configuration_writes_it() {
        let read = |json: &str| serde_json::from_str::<Authentication>(json);
        let full =
            r#"{"scheme":"hmac-body","header":"X-Signature","prefix":"","key_encoding":"utf8-stripped"}"#;
        let Authentication::HmacBody(settings) = read(full).unwrap() else { panic!("hmac-body") };
        assert_eq!((settings.header.as_str(), settings.prefix.as_str()), ("x-signature", ""));
        assert_eq!(settings.key_encoding, KeyEncoding::Utf8Stripped);
        assert_eq!(read(r#"{"scheme":"hmac-body"}"#).unwrap(), Authentication::HmacBody(HmacBody::default()));
        assert_eq!(read(r#"{"scheme":"path-secret"}"#).unwrap(), Authentication::PathSecret {});
        for bad in [
            r#"{"scheme":"path-secret","header":"x"}"#,
            r#"{"scheme":"hmac-body","headers":"x"}"#,
            r#"{"scheme":"hmac-body","header":"no spaces"}"#,
            r#"{"scheme":"none"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
