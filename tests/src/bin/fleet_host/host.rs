//! The application: what it is built of, and how it obeys.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use textproof::{
    ClientAddress, Code, CodeSource, Error, Otp, OtpSettings, Purpose, RedeemOptions, Redemption,
    SendOptions, SendOutcome, Verdict, VerifyOptions,
    gateway::{Gateway, GatewayError},
    otp::DeliveryState,
    token::TokenError,
};
use textproof_service::{assemble, config::Config};

use crate::{command::Command, control::Control, load};

/// Nobody's address: what is looked at here are the phone's own budgets.
pub(crate) const FLEET: ClientAddress<'static> = ClientAddress::None { why: "a test of a fleet" };

/// Brand in the texts.
pub(crate) const COMPANY: &str = "Fleet";

pub(crate) struct Host {
    config: Config,
    pub(crate) otp: Otp,
    pub(crate) purpose: Purpose,
    gateways: Vec<Arc<dyn Gateway>>,
}

impl Host {
    pub(crate) fn new(config: Config, code_length: usize) -> anyhow::Result<Self> {
        let store = assemble::shared_store(&config)?;
        let gateways = assemble::gateways(&config, &store)?;
        let settings = config.require_otp()?;
        let policy = settings.policy.clone().with_code_length(code_length)?;
        let settings = OtpSettings { policy, ..settings };
        Ok(Self {
            otp: Otp::new(settings, store, gateways)?,
            purpose: Purpose::new("login")?,
            gateways: Vec::new(),
            config,
        })
    }

    /// Does what is asked. A fault of the product is part of the answer; an error is a mistake of the test.
    pub(crate) async fn obey(&mut self, command: Command, control: &mut Control) -> anyhow::Result<Value> {
        match command {
            Command::Send { phone, code, session, idempotency_key } => {
                self.send(&phone, code.as_deref(), session.as_deref(), idempotency_key.as_deref()).await
            }
            Command::Now => Ok(json!({ "now_ms": jiff::Timestamp::now().as_millisecond() })),
            Command::Verify { phone, codes, session } => self.verify(&phone, codes, session, control).await,
            Command::Receipt { phone, code, session } => {
                let options =
                    VerifyOptions { address: FLEET, session: session.as_deref(), ..VerifyOptions::default() };
                let phone = self.otp.phone(&phone)?;
                let verdict = self.otp.verify(&phone, &self.purpose, &code, options).await?;
                let receipt = match &verdict {
                    Verdict::Verified { receipt, .. } => Some(receipt.as_str()),
                    _ => None,
                };
                Ok(json!({ "receipt": receipt }))
            }
            Command::Redeem { phone, receipt, session } => {
                let options = RedeemOptions { session: session.as_deref(), ..RedeemOptions::default() };
                let phone = self.otp.phone(&phone)?;
                let answer = self.otp.redeem(&phone, &self.purpose, &receipt, options).await?;
                Ok(json!({ "redeemed": answer == Redemption::Redeemed }))
            }
            Command::OpenGateways { count } => self.open(count),
            Command::CheckGateways { tasks } => self.check(tasks, control).await,
            Command::Load { first, tasks, millis } => load::run(self, control, first, tasks, millis).await,
        }
    }

    async fn send(
        &self,
        phone: &str,
        code: Option<&str>,
        session: Option<&str>,
        idempotency_key: Option<&str>,
    ) -> anyhow::Result<Value> {
        let phone = self.otp.phone(phone)?;
        let code = code.map(Code::parse).transpose()?;
        let options = SendOptions {
            code: code.as_ref().map_or(CodeSource::Ours, CodeSource::Given),
            address: FLEET,
            session,
            idempotency_key,
            ..SendOptions::default()
        };
        let sent = self.otp.send(&phone, &self.purpose, COMPANY, options).await;
        Ok(match sent {
            Ok(SendOutcome::Sent(challenge)) => {
                let known = matches!(challenge.delivery, DeliveryState::Accepted { .. });
                json!({ "outcome": if known { "sent" } else { "unknown" } })
            }
            Ok(SendOutcome::Refused { reason, .. }) => json!({ "outcome": reason.as_str() }),
            Err(error) => {
                tracing::error!(%error, "a send failed");
                json!({ "outcome": "fault", "fault": fault(&error) })
            }
        })
    }

    async fn verify(
        &self,
        phone: &str,
        codes: Vec<String>,
        session: Option<String>,
        control: &mut Control,
    ) -> anyhow::Result<Value> {
        let phone = self.otp.phone(phone)?;
        let checks = codes.into_iter().map(|code| {
            let (otp, phone, purpose) = (self.otp.clone(), phone.clone(), self.purpose.clone());
            let session = session.clone();
            async move {
                let session = session.as_deref();
                let options = VerifyOptions { address: FLEET, session, ..VerifyOptions::default() };
                let verdict = otp.verify(&phone, &purpose, &code, options).await;
                verdict.map_or_else(|error| logged(&error), |verdict| verdict.as_str())
            }
        });
        Ok(tally(control.together(checks).await?))
    }

    /// Each gateway gets a store, and so a connection, of its own: it is a host of its own but for its process.
    fn open(&mut self, count: usize) -> anyhow::Result<Value> {
        for _ in 0..count {
            let store = assemble::shared_store(&self.config)?;
            self.gateways.extend(assemble::gateways(&self.config, &store)?);
        }
        Ok(json!({ "open": self.gateways.len() }))
    }

    async fn check(&self, tasks: usize, control: &mut Control) -> anyhow::Result<Value> {
        let gateways = self.gateways.iter().flat_map(|gateway| std::iter::repeat_n(gateway, tasks));
        let checks = gateways.cloned().map(|gateway| async move {
            match gateway.check().await {
                Ok(()) => "ok",
                Err(error) => logged(&error.into()),
            }
        });
        Ok(tally(control.together(checks).await?))
    }
}

/// How often each word was said.
pub(crate) fn tally(words: impl IntoIterator<Item = &'static str>) -> Value {
    let mut counts = BTreeMap::<_, u64>::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    json!(counts)
}

pub(crate) fn logged(error: &Error) -> &'static str {
    tracing::error!(%error, "a fault");
    fault(error)
}

/// The word for a fault, by its type.
fn fault(error: &Error) -> &'static str {
    match error {
        Error::Store(_) => "store",
        Error::Gateway(GatewayError::Unauthorized { .. }) => "unauthorized",
        Error::Gateway(GatewayError::Token { source, .. }) => match source {
            TokenError::CredentialsRefused => "credentials_refused",
            TokenError::Unavailable { .. } => "no_tokens",
            _ => "token",
        },
        Error::Gateway(_) => "gateway",
        _ => "other",
    }
}
