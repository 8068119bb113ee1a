//! One-time codes: send one, verify it once.
//!
//! ```no_run
//! # async fn example(otp: textproof::Otp) -> Result<(), Box<dyn std::error::Error>> {
//! use textproof::{Purpose, SendOptions, SendOutcome, VerifyOptions};
//!
//! let phone = otp.phone("021 123 4567")?;
//! let login = Purpose::new("login")?;
//! match otp.send(&phone, &login, "MyApp", SendOptions::default()).await? {
//!     SendOutcome::Sent(challenge) => println!("valid for {} s", challenge.expires_in.as_secs()),
//!     SendOutcome::Refused { reason, retry_after } => println!("{reason}; wait {retry_after:?}"),
//! }
//! let verdict = otp.verify(&phone, &login, "482 174", VerifyOptions::default()).await?;
//! println!("{}", verdict.is_verified());
//! # Ok(()) }
//! ```

mod derivation;
mod outcome;
mod sending;
mod text;

use std::sync::Arc;

use tracing::Instrument;

use self::{derivation::Context, sending::Sending, text::checked_text};
pub use self::{
    derivation::Handle,
    outcome::{Challenge, DeliveryState, RefusalReason, SendOutcome, Verdict},
    text::{TextError, sample_text},
};
use crate::{
    code::Code,
    error::Error,
    gateway::Gateway,
    phone::{Countries, PhoneError, PhoneNumber},
    policy::Policy,
    purpose::Purpose,
    secret::{FingerprintKey, Peppers},
    store::{Check, CodeStore, DeliveryStore, RequestId, Store},
};

/// What an [`Otp`] is built from.
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
}

/// Sends and verifies one-time codes of one tenant. Any host with the same store and secrets can verify
/// what any other host sent.
#[derive(Clone)]
pub struct Otp {
    settings: Arc<OtpSettings>,
    codes: Arc<dyn CodeStore>,
    deliveries: Arc<dyn DeliveryStore>,
    gateway: Arc<dyn Gateway>,
}

/// Choices of one send.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendOptions<'a> {
    /// A trailing sentence, for example `Valid for 5 minutes.`
    pub comment: Option<&'a str>,
    /// Host of the origin-bound last line; must be one of the configured domains.
    pub web_otp_domain: Option<&'a str>,
    /// Where the code comes from.
    pub code: CodeSource<'a>,
}

/// Where a code comes from.
#[derive(Clone, Copy, Debug, Default)]
pub enum CodeSource<'a> {
    /// Made here; a resend repeats it while enough of its life is left.
    #[default]
    Ours,
    /// Given by the caller; a resend repeats it when the caller gives it again.
    Given(&'a Code),
    /// Made by the gateway; every resend makes a new one.
    Gateway,
}

/// Choices of one check.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions<'a> {
    /// The challenge's handle.
    pub handle: Option<&'a str>,
    /// Repeat a check whose answer was lost: the same id with the same code gets the same answer and costs
    /// no guess. Draw it here, for one check; it must never come from a client.
    pub request: Option<RequestId>,
}

impl Otp {
    /// Builds the engine on a store and a gateway.
    #[must_use]
    pub fn new(settings: OtpSettings, store: Arc<dyn Store>, gateway: Arc<dyn Gateway>) -> Self {
        let (codes, deliveries) = (Arc::clone(&store) as Arc<dyn CodeStore>, store as Arc<dyn DeliveryStore>);
        Self { settings: Arc::new(settings), codes, deliveries, gateway }
    }

    /// Parses what a person typed by this tenant's countries.
    ///
    /// # Errors
    /// [`PhoneError`].
    pub fn phone(&self, input: &str) -> Result<PhoneNumber, PhoneError> {
        PhoneNumber::parse(input, &self.settings.countries)
    }

    /// Sends a code. It is stored before the gateway is called, so a text can never arrive without its
    /// code being known, and it is never sent twice blindly.
    ///
    /// Once begun, a send goes on to its end even when the returned future is dropped: a client that hangs
    /// up does not leave a code without its outcome.
    ///
    /// # Errors
    /// [`Error::Text`] and [`Error::CodeLength`] for what must not be sent (nothing is counted);
    /// [`Error::Store`] when the store does not answer; [`Error::Gateway`] when the gateway failed and the
    /// text certainly did not go out (cool-down and windows are given back, unless the code was guessed at).
    pub async fn send(
        &self,
        phone: &PhoneNumber,
        purpose: &Purpose,
        company: &str,
        options: SendOptions<'_>,
    ) -> Result<SendOutcome, Error> {
        checked_text(company, options, &self.settings.web_otp_domains)?;
        let sending = Sending::prepare(self, phone, purpose, company, options)?;
        match tokio::spawn(sending.run().in_current_span()).await {
            Ok(outcome) => outcome,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Interrupted),
            },
        }
    }

    /// Checks a code. Guesses are counted before they are compared, for the whole fleet; a right code is
    /// consumed by the check that finds it right.
    ///
    /// # Errors
    /// [`Error::Store`] when the store does not answer: never a verdict. Repeating the check with the same
    /// [`VerifyOptions::request`] costs nothing.
    pub async fn verify(
        &self,
        phone: &PhoneNumber,
        purpose: &Purpose,
        code: &str,
        options: VerifyOptions<'_>,
    ) -> Result<Verdict, Error> {
        let verdict = self.judge(phone, purpose, code, options).await?;
        metrics::counter!("textproof_otp_verdicts_total", "verdict" => verdict.as_str()).increment(1);
        Ok(verdict)
    }

    async fn judge(
        &self,
        phone: &PhoneNumber,
        purpose: &Purpose,
        code: &str,
        options: VerifyOptions<'_>,
    ) -> Result<Verdict, Error> {
        let Ok(code) = Code::parse(code) else {
            return Ok(Verdict::Malformed);
        };
        if !self.settings.policy.knows_length(code.expose().len()) {
            return Ok(Verdict::Malformed);
        }
        if self.settings.policy.require_handle && options.handle.is_none() {
            return Ok(Verdict::Expired);
        }
        let context = Context::new(&self.settings, phone, purpose);
        let check = Check {
            key: &context.key(),
            request: options.request.unwrap_or_else(RequestId::random),
            handle: options.handle.map(derivation::handle_digest),
            macs: context.macs(&code),
            limits: &self.settings.policy.limits,
            remember_used: self.settings.policy.remember_used,
        };
        Ok(self.codes.check(&check).await?.into())
    }
}

impl std::fmt::Debug for Otp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otp")
            .field("settings", &self.settings)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}
