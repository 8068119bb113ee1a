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

mod address;
mod alarm;
mod behind;
mod charges;
mod derivation;
mod dispatch;
mod fixed;
mod idempotent;
mod operating;
mod outcome;
mod pace;
mod receipt;
mod sending;
mod settings;
mod text;
mod verifying;

use std::sync::Arc;

use tracing::Instrument;

pub use self::{
    address::ClientAddress,
    derivation::Handle,
    fixed::{FixedCode, FixedCodeError, Profile},
    operating::RedeemOptions,
    outcome::{Challenge, DeliveryState, Redemption, RefusalReason, SendOutcome, Verdict},
    receipt::Receipt,
    settings::{AcceptedRisk, OtpSettings, OtpSetupError},
    text::{TextError, sample_text},
};
use self::{alarm::FailedChecks, behind::Behind, pace::Pace, sending::Sending, text::checked_text};
use crate::{
    code::Code,
    error::Error,
    gateway::Gateway,
    phone::{PhoneError, PhoneNumber},
    policy::Policy,
    purpose::Purpose,
    store::{RequestId, Store},
};

/// Sends and verifies one-time codes of one tenant. Any host with the same store and secrets can verify
/// what any other host sent.
#[derive(Clone)]
pub struct Otp {
    settings: Arc<OtpSettings>,
    store: Arc<dyn Store>,
    gateways: Arc<[Arc<dyn Gateway>]>,
    behind: Behind,
    pace: Pace,
    failed_checks: FailedChecks,
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
    /// The application's session (1 to 512 bytes): a code sent in one is checked in the same one only.
    pub session: Option<&'a str>,
    /// The client that asks.
    pub address: ClientAddress<'a>,
    /// Names this send (1 to 255 bytes): the same key with the same arguments is sent once, and gets the same outcome
    /// for 24 hours.
    pub idempotency_key: Option<&'a str>,
    /// Sends nothing, and neither the answer nor its time tells: for a number that has no account.
    pub suppress: bool,
    /// Answers after the reservation and calls the gateway behind the answer. [`Otp::send_state`] tells what became of
    /// it.
    pub in_background: bool,
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
    /// The session that the code was sent in.
    pub session: Option<&'a str>,
    /// The client that asks.
    pub address: ClientAddress<'a>,
    /// Repeat a check whose answer was lost: the same id with the same code gets the same answer and costs
    /// no guess. Draw it here, for one check; it must never come from a client.
    pub request: Option<RequestId>,
}

impl Otp {
    /// Builds the engine on a store and gateways, in the order in which they are tried: the next one is called only
    /// when the one before certainly did not send.
    ///
    /// # Errors
    /// [`OtpSetupError`] for settings that must not run.
    pub fn new(
        settings: OtpSettings,
        store: Arc<dyn Store>,
        gateways: Vec<Arc<dyn Gateway>>,
    ) -> Result<Self, OtpSetupError> {
        settings.check()?;
        if gateways.is_empty() {
            return Err(OtpSetupError::NoGateway);
        }
        for fixed in &settings.fixed_codes {
            tracing::warn!(phone = %fixed.phone, ends = %fixed.ends, "a fixed code is in force");
        }
        Ok(Self {
            settings: Arc::new(settings),
            store,
            gateways: gateways.into(),
            behind: Behind::default(),
            pace: Pace::default(),
            failed_checks: FailedChecks::default(),
        })
    }

    /// The rules in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.settings.policy
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
    /// [`Error::Text`], [`Error::CodeLength`], [`Error::Session`] and [`Error::IdempotencyKey`] for what must not be
    /// sent (nothing is counted); [`Error::IdempotencyConflict`] for a key that was used for another send;
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
        if let ClientAddress::None { why } = options.address {
            tracing::debug!(why, "a send without a client address");
        }
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
        let verdict = verifying::judge(self, phone, purpose, code, options).await?;
        metrics::counter!("textproof_otp_verdicts_total", "verdict" => verdict.as_str()).increment(1);
        Ok(verdict)
    }
}

impl std::fmt::Debug for Otp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otp")
            .field("settings", &self.settings)
            .field("gateways", &self.gateways)
            .finish_non_exhaustive()
    }
}
