//! A host with gateways that do as they are told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use async_trait::async_trait;
use textproof::{
    ClientAddress, Code, CodeSource, Countries, Error, Otp, OtpSettings, PhoneNumber, Policy, Purpose,
    SendOptions, SendOutcome, Verdict, VerifyOptions,
    gateway::{Accepted, CodeAccepted, CodeMessage, Gateway, GatewayError, TextMessage},
    otp::Challenge,
    secret::{FingerprintKey, Pepper, Peppers},
    store::Store,
};
use tokio::sync::Semaphore;

use crate::fixture::loose;

/// What the gateway shall do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    Accept,
    /// Accepts, when the gate opens.
    Wait,
    /// Accepts after ten seconds.
    Slow,
    LoseAnswer,
    RefuseFunds,
    RefuseNumber,
    RefuseCredentials,
    /// Answers 503: certainly not sent.
    Unavailable,
    /// Answers 429 and asks for ten minutes.
    RateLimit,
}

#[derive(Debug)]
pub(crate) struct FakeGateway {
    name: &'static str,
    mood: Mutex<Mood>,
    codes: Mutex<Vec<String>>,
    calls: Mutex<usize>,
    pub(crate) gate: Semaphore,
    pub(crate) waiting: AtomicBool,
}

impl FakeGateway {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            mood: Mutex::new(Mood::Accept),
            codes: Mutex::default(),
            calls: Mutex::default(),
            gate: Semaphore::new(0),
            waiting: AtomicBool::default(),
        })
    }

    /// The codes of all texts that went out.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.codes.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> usize {
        *self.calls.lock().unwrap()
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

#[async_trait]
impl Gateway for FakeGateway {
    fn name(&self) -> &'static str {
        self.name
    }

    fn makes_codes(&self) -> bool {
        true
    }

    async fn send_code(&self, message: &CodeMessage<'_>) -> Result<CodeAccepted, GatewayError> {
        let gateway = self.name();
        *self.calls.lock().unwrap() += 1;
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::RefuseFunds => return Err(GatewayError::InsufficientFunds { gateway }),
            Mood::RefuseNumber => return Err(GatewayError::InvalidNumber { gateway }),
            Mood::RefuseCredentials => return Err(GatewayError::Unauthorized { gateway }),
            Mood::Unavailable => {
                return Err(GatewayError::Rejected { gateway, status: 503, reason: "no device".into() });
            }
            Mood::RateLimit => {
                return Err(GatewayError::RateLimited { gateway, retry_after: Duration::from_secs(600) });
            }
            Mood::Wait => {
                self.waiting.store(true, Ordering::SeqCst);
                self.gate.acquire().await.expect("the gate is there").forget();
            }
            // The gateway's own time, which a test on a paused clock measures.
            Mood::Slow => tokio::time::sleep(Duration::from_secs(10)).await,
            Mood::Accept | Mood::LoseAnswer => {}
        }
        let code = message.code.map_or("654321", Code::expose).to_owned();
        let mut codes = self.codes.lock().unwrap();
        codes.push(code.clone());
        if mood == Mood::LoseAnswer {
            return Err(GatewayError::Lost { gateway, status: None, what: "the connection was cut" });
        }
        let made = message.code.is_none().then(|| Code::parse(&code).expect("a code"));
        let accepted = Accepted { message_id: format!("MSG{}", codes.len()), parts: Some(1) };
        Ok(CodeAccepted { accepted, code: made })
    }

    async fn send_text(&self, _: &TextMessage<'_>) -> Result<Accepted, GatewayError> {
        let gateway = self.name();
        *self.calls.lock().unwrap() += 1;
        match *self.mood.lock().unwrap() {
            Mood::RefuseFunds => Err(GatewayError::InsufficientFunds { gateway }),
            Mood::RefuseNumber => Err(GatewayError::InvalidNumber { gateway }),
            Mood::LoseAnswer => Err(GatewayError::Lost { gateway, status: None, what: "told to" }),
            _ => Ok(Accepted { message_id: "TEXT1".into(), parts: Some(1) }),
        }
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

pub(crate) struct Host {
    pub(crate) otp: Otp,
    pub(crate) gateway: Arc<FakeGateway>,
    pub(crate) second: Arc<FakeGateway>,
    pub(crate) phone: PhoneNumber,
    pub(crate) login: Purpose,
}

/// Settings of one tenant in New Zealand, with these peppers.
pub(crate) fn settings(policy: Policy, peppers: &[(&str, u8)]) -> OtpSettings {
    let peppers = peppers.iter().map(|(id, byte)| Pepper::new(*id, &[*byte; 32]).expect("32 bytes"));
    let countries = Countries::new(["NZ"], Some("NZ")).expect("a country");
    let key = FingerprintKey::new(&[1; 32]).expect("32 bytes");
    let peppers = Peppers::new(peppers.collect()).expect("peppers");
    let settings = OtpSettings::new("default", countries, key, peppers);
    OtpSettings { policy, web_otp_domains: vec!["app.example.com".into()], ..settings }
}

impl Host {
    pub(crate) fn new(store: &Arc<dyn Store>) -> Self {
        Self::with(store, Policy::default().with_send_limits(loose()), &[("a", 2)])
    }

    pub(crate) fn with(store: &Arc<dyn Store>, policy: Policy, peppers: &[(&str, u8)]) -> Self {
        Self::of(store, settings(policy, peppers))
    }

    pub(crate) fn of(store: &Arc<dyn Store>, settings: OtpSettings) -> Self {
        let (gateway, second) = (FakeGateway::new("connexus"), FakeGateway::new("second"));
        let gateways =
            vec![Arc::clone(&gateway) as Arc<dyn Gateway>, Arc::clone(&second) as Arc<dyn Gateway>];
        let otp = Otp::new(settings, Arc::clone(store), gateways).expect("the settings may run");
        let phone = otp.phone("021 123 4567").expect("a phone");
        Self { otp, gateway, second, phone, login: Purpose::new("login").expect("a purpose") }
    }

    /// Puts both gateways into a mood.
    pub(crate) fn both(&self, mood: Mood) {
        self.gateway.set(mood);
        self.second.set(mood);
    }

    /// Another phone of the same engine.
    pub(crate) fn phone(&self, number: u32) -> PhoneNumber {
        self.otp.phone(&format!("021{number:07}")).expect("a phone")
    }

    pub(crate) fn options<'a>() -> SendOptions<'a> {
        SendOptions { address: ClientAddress::None { why: "a test" }, ..SendOptions::default() }
    }

    pub(crate) fn check<'a>() -> VerifyOptions<'a> {
        VerifyOptions { address: ClientAddress::None { why: "a test" }, ..VerifyOptions::default() }
    }

    pub(crate) async fn send_with(&self, options: SendOptions<'_>) -> Result<SendOutcome, Error> {
        self.otp.send(&self.phone, &self.login, "MyApp", options).await
    }

    pub(crate) async fn try_send(&self, code: CodeSource<'_>) -> Result<SendOutcome, Error> {
        self.send_with(SendOptions { code, ..Self::options() }).await
    }

    pub(crate) async fn send_as(&self, code: CodeSource<'_>) -> Challenge {
        challenge(self.try_send(code).await)
    }

    pub(crate) async fn send(&self) -> Challenge {
        self.send_as(CodeSource::Ours).await
    }

    pub(crate) async fn verify(&self, code: &str) -> Verdict {
        self.verify_with(code, Self::check()).await
    }

    pub(crate) async fn verify_with(&self, code: &str, options: VerifyOptions<'_>) -> Verdict {
        self.otp.verify(&self.phone, &self.login, code, options).await.expect("the store answers")
    }

    pub(crate) fn last_code(&self) -> String {
        self.gateway.texts().pop().expect("a text went out")
    }
}

pub(crate) fn challenge(outcome: Result<SendOutcome, Error>) -> Challenge {
    match outcome.expect("the store and the gateway answer") {
        SendOutcome::Sent(challenge) => challenge,
        SendOutcome::Refused { reason, .. } => panic!("refused: {reason}"),
    }
}

pub(crate) fn wrong(code: &str) -> &'static str {
    if code == "000000" { "111111" } else { "000000" }
}
