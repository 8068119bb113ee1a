//! What an [`Otp`](super::Otp) is built from, held against what must not run.

use super::{FixedCode, Profile};
use crate::{
    phone::{Countries, PhoneNumber},
    policy::{Policy, RISK_TARGET, Risk},
    secret::{Fingerprint, FingerprintKey, Peppers},
};

/// What an [`Otp`](super::Otp) is built from.
#[derive(Clone, Debug)]
pub struct OtpSettings {
    /// Tenant that the codes belong to; part of every key and MAC.
    pub tenant: String,
    /// The rules.
    pub policy: Policy,
    /// Where codes may be sent.
    pub countries: Countries,
    /// Bare hosts that an origin-bound last line may name.
    pub web_otp_domains: Vec<String>,
    /// Names the keys in the store.
    pub fingerprint_key: FingerprintKey,
    /// Protect the codes.
    pub peppers: Peppers,
    /// What this deployment is for.
    pub profile: Profile,
    /// Codes that never change; refused in production.
    pub fixed_codes: Vec<FixedCode>,
    /// Our numbers and short codes to which a STOP stops codes too; such a send is suppressed. By default none: a
    /// person who asks for a code wants it.
    pub opt_out_senders: Vec<String>,
    /// Whether a person who texted STOP to any of our numbers still gets the codes they ask for. By default they do;
    /// otherwise such a send is suppressed.
    pub codes_after_stop: bool,
    /// How likely a break-in by guessing may be.
    pub risk: AcceptedRisk,
}

/// How likely a break-in by guessing may be before an engine refuses to be built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AcceptedRisk {
    /// For one phone, purpose and day.
    pub per_phone_day: f64,
    /// For everything that the tenant may send in a day; needs a limit of the tenant's sends. None: not looked at.
    pub per_fleet_day: Option<f64>,
}

impl Default for AcceptedRisk {
    /// 10⁻⁴ for a phone and day; no figure for the fleet.
    fn default() -> Self {
        Self { per_phone_day: RISK_TARGET, per_fleet_day: None }
    }
}

impl OtpSettings {
    /// Settings with the default policy, for production.
    pub fn new(
        tenant: impl Into<String>,
        countries: Countries,
        fingerprint_key: FingerprintKey,
        peppers: Peppers,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            policy: Policy::default(),
            countries,
            web_otp_domains: Vec::new(),
            fingerprint_key,
            peppers,
            profile: Profile::default(),
            fixed_codes: Vec::new(),
            opt_out_senders: Vec::new(),
            codes_after_stop: true,
            risk: AcceptedRisk::default(),
        }
    }

    /// What stands in keys instead of a number of this tenant.
    pub(super) fn fingerprint(&self, phone: &PhoneNumber) -> Fingerprint {
        self.fingerprint_key.phone(&self.tenant, phone.e164())
    }

    /// Holds the settings against what must not run.
    ///
    /// # Errors
    /// [`OtpSetupError`].
    pub fn check(&self) -> Result<(), OtpSetupError> {
        if self.profile == Profile::Production && !self.fixed_codes.is_empty() {
            return Err(OtpSetupError::FixedCodesInProduction);
        }
        // Sums of negative powers of ten are not exact in binary.
        let above = |figure: f64, accepted: f64| figure > accepted * (1.0 + 1e-9);
        let risk = Risk::of(&self.policy).per_phone_day;
        if above(risk, self.risk.per_phone_day) {
            return Err(OtpSetupError::RiskPerPhone { risk, accepted: self.risk.per_phone_day });
        }
        if let Some(accepted) = self.risk.per_fleet_day {
            let sends = self.policy.sends_a_day().ok_or(OtpSetupError::NoFleetLimit)?;
            let risk = Risk::per_fleet_day(&self.policy, sends);
            if above(risk, accepted) {
                return Err(OtpSetupError::RiskPerFleet { risk, accepted });
            }
        }
        Ok(())
    }
}

/// Settings that must not run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OtpSetupError {
    /// Nothing to send with.
    #[error("no gateway is configured: a code engine needs one")]
    NoGateway,
    /// A code that never changes would let its holder in for real.
    #[error("fixed codes are configured in the production profile: remove them, or set the profile to test")]
    FixedCodesInProduction,
    /// The limits allow too many guesses at one phone.
    #[error(
        "the limits allow a break-in by guessing with probability {risk:.1e} a phone and day, above the accepted \
         {accepted:.1e}: tighten windows, guesses or code length, or accept it explicitly"
    )]
    RiskPerPhone {
        /// What the limits come to.
        risk: f64,
        /// What is accepted.
        accepted: f64,
    },
    /// The limits allow too many guesses over all phones.
    #[error(
        "the tenant's limits allow a break-in somewhere with probability {risk:.1e} a day, above the accepted \
         {accepted:.1e}: lower the tenant's sends, or accept it explicitly"
    )]
    RiskPerFleet {
        /// What the limits come to.
        risk: f64,
        /// What is accepted.
        accepted: f64,
    },
    /// A figure for the fleet needs to know how much it sends.
    #[error("a risk target for the fleet needs a limit of the tenant's sends")]
    NoFleetLimit,
}
