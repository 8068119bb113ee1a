//! Codes without a gateway's round trip: what is left is the library and the store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use textproof::{
    ClientAddress, Code, CodeSource, Countries, Otp, OtpSettings, PhoneNumber, Policy, Purpose, SendOptions,
    SendOutcome,
    gateway::{Accepted, CodeAccepted, CodeMessage, Gateway, GatewayError, TextMessage},
    policy::FailureLimits,
    secret::{FingerprintKey, Pepper, Peppers},
    store::Store,
};

/// The code of every send by [`send`].
pub const RIGHT: &str = "482174";
/// A code that no send by [`send`] has.
pub const WRONG: &str = "000000";

/// Nobody's address: what is measured are a phone's own budgets.
pub const BENCH: ClientAddress<'static> = ClientAddress::None { why: "a benchmark" };

/// The ceiling alone: on the path that is measured nothing waits.
///
/// # Panics
/// Never: the limits are sound.
#[must_use]
pub fn failure_limits() -> FailureLimits {
    let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
    FailureLimits::new(100, 100, second, second, day).expect("sound limits")
}

/// Takes every text at once and keeps nothing.
#[derive(Debug)]
pub struct InstantGateway;

#[async_trait]
impl Gateway for InstantGateway {
    fn name(&self) -> &'static str {
        "connexus"
    }

    fn makes_codes(&self) -> bool {
        false
    }

    async fn send_code(&self, message: &CodeMessage<'_>) -> Result<CodeAccepted, GatewayError> {
        Ok(CodeAccepted { accepted: accepted(message.reference), code: None })
    }

    async fn send_text(&self, message: &TextMessage<'_>) -> Result<Accepted, GatewayError> {
        Ok(accepted(message.reference.unwrap_or("none")))
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

/// The reference is drawn per send, so it is as good a message id as the gateway's own.
fn accepted(reference: &str) -> Accepted {
    Accepted { message_id: format!("MSG{reference}"), parts: Some(1) }
}

/// An engine with the default rules, but ten guesses and ten minutes: codes outlive a benchmark.
///
/// # Panics
/// When the library refuses these settings.
pub fn otp(store: Arc<dyn Store>) -> Otp {
    otp_with(store, Arc::new(InstantGateway))
}

/// The same with another gateway.
///
/// # Panics
/// When the library refuses these settings.
pub fn otp_with(store: Arc<dyn Store>, gateway: Arc<dyn Gateway>) -> Otp {
    let pepper = Pepper::new("bench", &[2; 32]).expect("32 bytes");
    let policy = Policy::default()
        .with_guesses(10)
        .and_then(|policy| policy.with_lifetime(Duration::from_secs(600)))
        .expect("within the floors and ceilings")
        .with_failure_limits(failure_limits())
        .with_fraud_guard(None);
    let countries = Countries::new(["NZ"], Some("NZ")).expect("a known country");
    let key = FingerprintKey::new(&[1; 32]).expect("32 bytes");
    let peppers = Peppers::new(vec![pepper]).expect("one pepper");
    let settings = OtpSettings { policy, ..OtpSettings::new("default", countries, key, peppers) };
    Otp::new(settings, store, vec![gateway]).expect("settings that may run")
}

/// The `n`th phone; there are ten million.
///
/// # Panics
/// When `n` is larger than that.
pub fn phone(otp: &Otp, n: u32) -> PhoneNumber {
    assert!(n < 10_000_000, "phones are numbered below ten million");
    otp.phone(&format!("+6421{n:07}")).expect("a mobile number")
}

/// The purpose of every code here.
///
/// # Panics
/// Never: the name is well formed.
pub fn login() -> Purpose {
    Purpose::new("login").expect("a purpose")
}

/// Sends the code [`RIGHT`].
///
/// # Panics
/// When the send is refused or the store does not answer.
pub async fn send(otp: &Otp, phone: &PhoneNumber) {
    let code = Code::parse(RIGHT).expect("a code");
    let options = SendOptions { code: CodeSource::Given(&code), address: BENCH, ..SendOptions::default() };
    let outcome = otp.send(phone, &login(), "MyApp", options).await;
    assert!(matches!(outcome, Ok(SendOutcome::Sent(_))), "{outcome:?}");
}
