//! `[otp]`: the rules and secrets of one-time codes.

use std::time::Duration;

use textproof::secret::{FingerprintKey, Peppers};
use textproof::sms_text::is_bare_host;
use textproof::{Countries, Policy};

use super::gateways::GatewayName;
use super::secrets::is_id;
use super::{Config, ConfigError};
use crate::exit::one_line;

// [`Policy`] has the same bounds and the last word; these are in the units of the file, for its messages.
/// NIST SP 800-63B-4, section 3.1.3.2: at most ten minutes.
const TTL_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;
const ATTEMPTS: std::ops::RangeInclusive<u64> = 1..=10;

/// What sending and checking codes needs.
#[derive(Debug, Clone)]
pub struct OtpSettings {
    /// Whose codes these are.
    pub tenant: String,
    /// The countries that may be texted, and the one of numbers in national format.
    pub countries: Countries,
    /// How long a code lives and how many guesses it allows; the rest as by default.
    pub policy: Policy,
    /// Bare hosts that may stand in the origin-bound last line.
    pub web_otp_domains: Vec<String>,
    /// Gateways to try, in order.
    pub gateways: Vec<GatewayName>,
    /// The first is for everything new.
    pub peppers: Peppers,
    /// Names phones in the store.
    pub fingerprint_key: FingerprintKey,
}

impl Config {
    /// The settings of one-time codes.
    ///
    /// # Errors
    /// [`ConfigError`] when the pepper, the fingerprint key or the countries are missing, or a value breaks
    /// its bounds.
    pub fn require_otp(&self) -> Result<OtpSettings, ConfigError> {
        let otp = &self.raw.otp;
        if !is_id(&otp.tenant) {
            return Err(self.invalid("otp", "tenant", "must be 1 to 32 letters, digits, -, _ or ."));
        }
        let countries = self.countries()?;
        let policy = self.policy()?;
        if let Some(domain) = otp.web_otp_domains.iter().find(|domain| !is_bare_host(domain)) {
            let problem = format!("{domain:?} must be a bare host such as \"app.example.com\"");
            return Err(self.invalid("otp", "web_otp_domains", problem));
        }
        Ok(OtpSettings {
            tenant: otp.tenant.clone(),
            countries,
            policy,
            web_otp_domains: otp.web_otp_domains.clone(),
            gateways: self.gateway_names()?,
            peppers: self.peppers()?,
            fingerprint_key: self.fingerprint_key()?,
        })
    }

    /// Checks every section that is used, as its own program would.
    ///
    /// Codes are used where anything of theirs is set: an ingest's or a worker's configuration needs none.
    ///
    /// # Errors
    /// [`ConfigError`] for the first value that cannot be used.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.redis()?;
        self.require_ingest()?;
        self.require_worker()?;
        let otp = &self.raw.otp;
        self.policy()?;
        if otp.fingerprint_key.is_some() || otp.fingerprint_key_file.is_some() {
            self.fingerprint_key()?;
        }
        let gateway_on = self.connexus()?.is_some() || self.mobile_api_connect()?.is_some();
        if gateway_on || otp.countries.is_some() || otp.pepper.is_some() || otp.pepper_file.is_some() {
            self.require_otp()?;
            self.gateways()?;
        }
        Ok(())
    }

    fn countries(&self) -> Result<Countries, ConfigError> {
        let otp = &self.raw.otp;
        let countries =
            otp.countries.as_ref().filter(|countries| !countries.is_empty()).ok_or_else(|| {
                ConfigError::Missing {
                    key: "otp.countries".to_owned(),
                    remedy: format!(
                        "name the countries that may be texted in {} or as TEXTPROOF_OTP_COUNTRIES=NZ,AU",
                        self.file
                    ),
                }
            })?;
        if let Some(country) = otp.default_country.as_ref()
            && !countries.contains(country)
        {
            let problem = format!("{country:?} is none of otp.countries");
            return Err(self.invalid("otp", "default_country", problem));
        }
        // The default is one of them: an unknown country is blamed on the list.
        Countries::new(countries, otp.default_country.as_deref())
            .map_err(|error| self.invalid("otp", "countries", one_line(&error.to_string())))
    }

    fn policy(&self) -> Result<Policy, ConfigError> {
        let otp = &self.raw.otp;
        let ttl = self.number("otp", "ttl_seconds", otp.ttl_seconds, TTL_SECONDS)?;
        let guesses = self.number("otp", "max_attempts", otp.max_attempts, ATTEMPTS)? as u8;
        Policy::default()
            .with_lifetime(Duration::from_secs(ttl))
            .map_err(|error| self.invalid("otp", "ttl_seconds", error.to_string()))?
            .with_guesses(guesses)
            .map_err(|error| self.invalid("otp", "max_attempts", error.to_string()))
    }
}
