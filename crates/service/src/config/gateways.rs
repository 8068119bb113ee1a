//! `[connexus]` and `[mobile_api_connect]`: a gateway is on when its credentials are set.

use axum::http::Uri;
use secrecy::SecretString;

use super::{Config, ConfigError};

/// The gateways that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayName {
    /// `connexus`
    Connexus,
    /// `mobile-api-connect`
    MobileApiConnect,
}

/// One gateway that is on.
#[derive(Debug, Clone)]
pub enum GatewaySettings {
    /// WebSMS Connexus.
    Connexus(ConnexusSettings),
    /// Mobile API Connect.
    MobileApiConnect(MobileApiConnectSettings),
}

/// Address and credentials of Connexus.
#[derive(Debug, Clone)]
pub struct ConnexusSettings {
    /// Without a slash at its end.
    pub base_url: String,
    /// `cid_…`
    pub client_id: String,
    /// `csk_…`
    pub client_secret: SecretString,
}

/// Address and credentials of Mobile API Connect.
#[derive(Debug, Clone)]
pub struct MobileApiConnectSettings {
    /// Without a slash at its end.
    pub base_url: String,
    /// `sk_…`
    pub key: SecretString,
}

impl Config {
    /// Connexus, if its credentials are set.
    ///
    /// # Errors
    /// [`ConfigError`] when only one of the two credentials is set, or the address is none.
    pub fn connexus(&self) -> Result<Option<ConnexusSettings>, ConfigError> {
        const SECTION: &str = "connexus";
        let raw = &self.raw.connexus;
        let (value, file) = (raw.client_secret.as_ref(), raw.client_secret_file.as_deref());
        let secret = self.secret(SECTION, "client_secret", value, file)?;
        let id = raw.client_id.clone().filter(|id| !id.is_empty());
        match (id, secret) {
            (None, None) => Ok(None),
            (Some(client_id), Some(client_secret)) => {
                let base_url = self.base_url(SECTION, &raw.base_url)?;
                Ok(Some(ConnexusSettings { base_url, client_id, client_secret }))
            }
            (Some(_), None) => Err(half("connexus.client_secret", "WEBSMS_CLIENT_SECRET")),
            (None, Some(_)) => Err(half("connexus.client_id", "WEBSMS_CLIENT_ID")),
        }
    }

    /// Mobile API Connect, if its key is set.
    ///
    /// # Errors
    /// [`ConfigError`] when the address is none.
    pub fn mobile_api_connect(&self) -> Result<Option<MobileApiConnectSettings>, ConfigError> {
        const SECTION: &str = "mobile_api_connect";
        let raw = &self.raw.mobile_api_connect;
        match self.secret(SECTION, "key", raw.key.as_ref(), raw.key_file.as_deref())? {
            None => Ok(None),
            Some(key) => {
                let base_url = self.base_url(SECTION, &raw.base_url)?;
                Ok(Some(MobileApiConnectSettings { base_url, key }))
            }
        }
    }

    /// The gateways that are on, in the order of `otp.gateways`; one that is not named there is not used.
    ///
    /// # Errors
    /// [`ConfigError`] when none is on, or one is set wrongly.
    pub fn gateways(&self) -> Result<Vec<GatewaySettings>, ConfigError> {
        let mut on = Vec::new();
        for name in self.gateway_names()? {
            on.extend(match name {
                GatewayName::Connexus => self.connexus()?.map(GatewaySettings::Connexus),
                GatewayName::MobileApiConnect => {
                    self.mobile_api_connect()?.map(GatewaySettings::MobileApiConnect)
                }
            });
        }
        if on.is_empty() {
            let remedy =
                "set WEBSMS_CLIENT_ID and WEBSMS_CLIENT_SECRET, or MOBILE_API_CONNECT_KEY".to_owned();
            return Err(ConfigError::Missing { key: "a gateway".to_owned(), remedy });
        }
        Ok(on)
    }

    /// Gateways to try, in order, whether they are on or not.
    ///
    /// # Errors
    /// [`ConfigError`] for a name that is none, or one that is named twice.
    pub fn gateway_names(&self) -> Result<Vec<GatewayName>, ConfigError> {
        let mut names = Vec::new();
        for text in &self.raw.otp.gateways {
            let name = match text.as_str() {
                "connexus" => GatewayName::Connexus,
                "mobile-api-connect" => GatewayName::MobileApiConnect,
                _ => {
                    let problem = format!("{text:?} is no gateway: known are connexus, mobile-api-connect");
                    return Err(self.invalid("otp", "gateways", problem));
                }
            };
            if names.contains(&name) {
                return Err(self.invalid("otp", "gateways", format!("{text:?} is named twice")));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn base_url(&self, section: &str, text: &str) -> Result<String, ConfigError> {
        let usable = text.parse::<Uri>().is_ok_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                // Credentials have settings of their own, which are not shown.
                && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
                && url.query().is_none()
        });
        if !usable {
            return Err(self.invalid(section, "base_url", "must be http://HOST/PATH or https://HOST/PATH"));
        }
        Ok(text.trim_end_matches('/').to_owned())
    }
}

fn half(key: &str, variable: &str) -> ConfigError {
    let remedy = format!("the other half of the credentials is; set it, for example as {variable}");
    ConfigError::Missing { key: key.to_owned(), remedy }
}
