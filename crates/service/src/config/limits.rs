//! The limits in `[otp]` that are not a code's: addresses, the tenant, the guard, the accepted risk, fixed codes.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use textproof::otp::{AcceptedRisk, FixedCode};
use textproof::policy::{AddressLimits, FraudGuard, GuardMode, RateLimit, SpendCap, TenantLimits};
use textproof::{Code, Countries, PhoneNumber};

use super::raw::RawFixedCode;
use super::schema::path;
use super::{Config, ConfigError, secrets};

const HOUR: Duration = Duration::from_secs(3600);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);
/// All callers without an address together may do ten times what one address may.
const UNKNOWN_TIMES: u64 = 10;

impl Config {
    pub(super) fn address_limits(&self) -> Result<AddressLimits, ConfigError> {
        let (sends, checks) =
            (self.raw.otp.address_sends_per_hour, self.raw.otp.address_failed_checks_per_5_minutes);
        let sends_of = |times| self.rate("address_sends_per_hour", sends.saturating_mul(times), HOUR);
        let checks_of = |times| {
            self.rate("address_failed_checks_per_5_minutes", checks.saturating_mul(times), FIVE_MINUTES)
        };
        Ok(AddressLimits {
            sends: sends_of(1)?,
            failed_checks: checks_of(1)?,
            unknown_sends: sends_of(UNKNOWN_TIMES)?,
            unknown_failed_checks: checks_of(UNKNOWN_TIMES)?,
        })
    }

    pub(super) fn tenant_limits(&self) -> Result<TenantLimits, ConfigError> {
        let otp = &self.raw.otp;
        let sends = otp.sends_per_day.map(|count| self.rate("sends_per_day", count, DAY)).transpose()?;
        let cap = |parts: u64| {
            SpendCap::new(u32::try_from(parts).unwrap_or(u32::MAX))
                .map_err(|error| self.invalid("otp", "parts_per_day", error.to_string()))
        };
        Ok(TenantLimits { sends, parts_a_day: otp.parts_per_day.map(cap).transpose()? })
    }

    pub(super) fn fraud_guard(&self) -> Result<Option<FraudGuard>, ConfigError> {
        match self.raw.otp.fraud_guard.as_str() {
            "off" => Ok(None),
            "observe" => Ok(Some(FraudGuard::default())),
            "deny" => Ok(Some(FraudGuard::default().with_mode(GuardMode::Deny))),
            _ => Err(self.invalid("otp", "fraud_guard", "must be \"off\", \"observe\" or \"deny\"")),
        }
    }

    /// How likely a break-in by guessing may be.
    pub fn accepted_risk(&self) -> AcceptedRisk {
        let otp = &self.raw.otp;
        #[expect(clippy::cast_precision_loss, reason = "millionths; nobody means more than 53 bits")]
        let millionths = |n: u64| n as f64 / 1e6;
        AcceptedRisk {
            per_phone_day: millionths(otp.accepted_risk_per_million),
            per_fleet_day: otp.accepted_fleet_risk_per_million.map(millionths),
        }
    }

    pub(super) fn fixed_codes(&self, countries: &Countries) -> Result<Vec<FixedCode>, ConfigError> {
        let numbered = self.raw.otp.fixed_codes.iter().zip(1..);
        numbered.map(|(raw, number)| self.fixed_code(raw, number, countries)).collect()
    }

    /// `number` counts from 1: what is wrong is said of one of them.
    fn fixed_code(
        &self,
        raw: &RawFixedCode,
        number: usize,
        countries: &Countries,
    ) -> Result<FixedCode, ConfigError> {
        let invalid =
            |problem: String| self.invalid("otp", "fixed_codes", format!("number {number}: {problem}"));
        let missing = |key: &str| invalid(format!("needs {key}"));
        let phone = raw.phone.as_deref().ok_or_else(|| missing("phone"))?;
        let phone =
            PhoneNumber::parse(phone, countries).map_err(|error| invalid(format!("phone: {error}")))?;
        let (path, place) = (path("otp", "fixed_codes"), self.place(&path("otp", "fixed_codes")));
        let path = format!("{path} number {number} code");
        let code = secrets::resolve(raw.code.as_ref(), raw.code_file.as_deref(), &path, &place)?
            .ok_or_else(|| missing("code or code_file"))?;
        let code = Code::parse(code.expose_secret()).map_err(|error| invalid(format!("code: {error}")))?;
        let ends = raw.ends.as_deref().ok_or_else(|| missing("ends, a time at most 90 days ahead"))?;
        let ends: Timestamp = ends
            .parse()
            .map_err(|_| invalid("ends must be a time such as \"2026-12-01T00:00:00Z\"".into()))?;
        FixedCode::new(phone, code, ends, Timestamp::now()).map_err(|error| invalid(error.to_string()))
    }

    fn rate(&self, key: &str, count: u64, period: Duration) -> Result<RateLimit, ConfigError> {
        RateLimit::new(u32::try_from(count).unwrap_or(u32::MAX), period)
            .map_err(|error| self.invalid("otp", key, error.to_string()))
    }
}
