//! The messages and accounts of these tests. Every secret value in them is unmistakable.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use textproof::{
    code::Code,
    gateway::{
        CodeMessage, Connexus, ConnexusSettings, MessageClass, MobileApiConnect, MobileApiConnectSettings,
        TextMessage,
    },
    phone::PhoneNumber,
    secret::{FingerprintKey, Pepper, Peppers},
};

use crate::{
    fake::{Fake, Request, Step, answer},
    token_store::OneHost,
};

pub(crate) const NUMBER: &str = "+64211234567";
pub(crate) const CODE: &str = "739154";
pub(crate) const CLIENT_SECRET: &str = "csk_canary-of-the-client";
pub(crate) const KEY: &str = "sk_live_canary-of-the-key";
pub(crate) const BODY: &str = "Your parcel waits at the corner shop";

/// Paths of Connexus under the base URL of the fake.
pub(crate) const TOKEN: &str = "/api/auth/token";
pub(crate) const OTP: &str = "/api/sms/otp";
pub(crate) const OUT: &str = "/api/sms/out";

/// Short for those who meet silence, long for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Owns what the messages borrow.
pub(crate) struct Sample {
    to: PhoneNumber,
    code: Code,
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self { to: PhoneNumber::parse_international(NUMBER).unwrap(), code: Code::parse(CODE).unwrap() }
    }

    /// Our own code, with everything that can go with it.
    pub(crate) fn code(&self) -> CodeMessage<'_> {
        CodeMessage {
            to: &self.to,
            code: Some(&self.code),
            company: "MyApp",
            comment: Some("Valid for 5 minutes."),
            web_otp_domain: Some("app.example.com"),
            reference: "ref-1",
        }
    }

    /// A code that the gateway shall make.
    pub(crate) fn codeless(&self) -> CodeMessage<'_> {
        CodeMessage { code: None, comment: None, web_otp_domain: None, ..self.code() }
    }

    pub(crate) fn text(&self) -> TextMessage<'_> {
        TextMessage { to: &self.to, body: BODY, reference: Some("ref-2"), class: MessageClass::Transactional }
    }
}

/// A Connexus account at `base` with short timeouts and a store of its own.
pub(crate) fn connexus(base: &str) -> Connexus {
    let settings = ConnexusSettings {
        request_timeout: TIMEOUT,
        ..ConnexusSettings::new(base, "cid_canary", CLIENT_SECRET)
    };
    let peppers = Peppers::new(vec![Pepper::new("a", &[7; 32]).unwrap()]).unwrap();
    let key = FingerprintKey::new(&[9; 32]).unwrap();
    Connexus::new(settings, Arc::new(OneHost::default()), peppers, &key).unwrap()
}

pub(crate) fn mobile_api_connect(base: &str) -> MobileApiConnect {
    let settings =
        MobileApiConnectSettings { request_timeout: TIMEOUT, ..MobileApiConnectSettings::new(base, KEY) };
    MobileApiConnect::new(settings).unwrap()
}

/// A Connexus that issues `wst_canary-0`, `wst_canary-1` and so on, and answers sends by `script`.
pub(crate) async fn issuing(script: impl Fn(&Request, usize) -> Step + Send + Sync + 'static) -> Fake {
    Fake::start(
        move |request, before| {
            if request.path == "/api/auth/token" { token(before) } else { script(request, before) }
        },
    )
    .await
}

pub(crate) fn token(before: usize) -> Step {
    answer(
        200,
        json!({"access_token": format!("wst_canary-{before}"), "token_type": "Bearer", "expires_in": 86400}),
    )
}

/// Connexus' answer to a code that it sent.
pub(crate) fn sent(code: &str) -> Value {
    json!({"status": "success", "message_id": "MSG123", "to": "64211234567", "from": "552", "code": code, "parts": 1})
}
