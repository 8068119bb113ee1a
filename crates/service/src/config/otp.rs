//! `[otp]`: the rules and secrets of one-time codes.

use std::time::Duration;

use textproof::otp::{OtpSettings, OtpSetupError, Profile};
use textproof::sms_text::is_bare_host;
use textproof::{Countries, Policy};

use super::secrets::is_id;
use super::{Config, ConfigError};
use crate::exit::one_line;

// [`Policy`] has the same bounds and the last word; these are in the units of the file, for its messages.
/// NIST SP 800-63B-4, section 3.1.3.2: at most ten minutes.
const TTL_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;
const ATTEMPTS: std::ops::RangeInclusive<u64> = 1..=10;
/// NIST SP 800-63B-4, section 3.1.3.2: at least six.
const CODE_LENGTH: std::ops::RangeInclusive<u64> = 6..=8;

impl Config {
    /// The settings of one-time codes, held against what must not run.
    ///
    /// # Errors
    /// [`ConfigError`] when the pepper, the fingerprint key or the countries are missing, a value breaks its
    /// bounds, or the whole must not run: fixed codes in production, limits above the accepted risk.
    pub fn require_otp(&self) -> Result<OtpSettings, ConfigError> {
        let otp = &self.raw.otp;
        if !is_id(&otp.tenant) {
            return Err(self.invalid("otp", "tenant", "must be 1 to 32 letters, digits, -, _ or ."));
        }
        let countries = self.countries()?;
        if let Some(domain) = otp.web_otp_domains.iter().find(|domain| !is_bare_host(domain)) {
            let problem = format!("{domain:?} must be a bare host such as \"app.example.com\"");
            return Err(self.invalid("otp", "web_otp_domains", problem));
        }
        let profile = match otp.profile.as_str() {
            "production" => Profile::Production,
            "test" => Profile::Test,
            _ => return Err(self.invalid("otp", "profile", "must be \"production\" or \"test\"")),
        };
        let fixed_codes = self.fixed_codes(&countries)?;
        let (key, peppers) = (self.fingerprint_key()?, self.peppers()?);
        let settings = OtpSettings {
            policy: self.policy()?,
            web_otp_domains: otp.web_otp_domains.clone(),
            profile,
            fixed_codes,
            opt_out_senders: otp.opt_out_senders.clone(),
            codes_after_stop: self.codes_after_stop(),
            risk: self.accepted_risk(),
            ..OtpSettings::new(otp.tenant.clone(), countries, key, peppers)
        };
        settings.check().map_err(|error| {
            let key = match error {
                OtpSetupError::FixedCodesInProduction => "fixed_codes",
                OtpSetupError::RiskPerFleet { .. } | OtpSetupError::NoFleetLimit => {
                    "accepted_fleet_risk_per_million"
                }
                _ => "accepted_risk_per_million",
            };
            self.invalid("otp", key, one_line(&error.to_string()))
        })?;
        Ok(settings)
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
        let rules = self.rules()?;
        let answers_help = self.consent()?.help_text.is_some();
        self.forwards()?;
        let otp = &self.raw.otp;
        self.policy()?;
        if otp.fingerprint_key.is_some() || otp.fingerprint_key_file.is_some() {
            self.fingerprint_key()?;
        }
        let gateway_on = self.connexus()?.is_some() || self.mobile_api_connect()?.is_some();
        if gateway_on
            || rules.iter().any(|rule| rule.reply().is_some())
            || answers_help
            || otp.countries.is_some()
            || otp.pepper.is_some()
            || otp.pepper_file.is_some()
        {
            self.require_otp()?;
            self.gateways()?;
        }
        Ok(())
    }

    /// The countries that may be texted.
    ///
    /// # Errors
    /// [`ConfigError`] when they are missing or unknown.
    pub fn countries(&self) -> Result<Countries, ConfigError> {
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

    /// The rules of codes and sends; needs no secret.
    ///
    /// # Errors
    /// [`ConfigError`] for a value outside its bounds.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        let otp = &self.raw.otp;
        let ttl = self.number("otp", "ttl_seconds", otp.ttl_seconds, TTL_SECONDS)?;
        let guesses = self.number("otp", "max_attempts", otp.max_attempts, ATTEMPTS)? as u8;
        let length = self.number("otp", "code_length", otp.code_length, CODE_LENGTH)? as usize;
        let receipt = self.number("otp", "receipt_ttl_seconds", otp.receipt_ttl_seconds, TTL_SECONDS)?;
        let policy = Policy::default()
            .with_lifetime(Duration::from_secs(ttl))
            .map_err(|error| self.invalid("otp", "ttl_seconds", error.to_string()))?
            .with_guesses(guesses)
            .map_err(|error| self.invalid("otp", "max_attempts", error.to_string()))?
            .with_code_length(length)
            .map_err(|error| self.invalid("otp", "code_length", error.to_string()))?
            .with_receipt_lifetime(Duration::from_secs(receipt))
            .map_err(|error| self.invalid("otp", "receipt_ttl_seconds", error.to_string()))?
            .with_address_limits(self.address_limits()?)
            .with_tenant_limits(self.tenant_limits()?)
            .with_fraud_guard(self.fraud_guard()?);
        Ok(if otp.require_handle { policy.with_required_handle() } else { policy })
    }
}
