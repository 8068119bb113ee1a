//! One send from its reservation to its settlement. It owns what it needs, so that it can go on when the
//! caller has gone.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Challenge, CodeSource, DeliveryState, Otp, RefusalReason, SendOptions, SendOutcome,
    derivation::{self, Context},
};
use crate::{
    code::Code,
    error::Error,
    gateway::{Certainty, CodeAccepted, CodeMessage, GatewayError, text::code_text_parts},
    phone::PhoneNumber,
    purpose::Purpose,
    store::{
        CodeKey, CodeMacs, CodeOrigin, Granted, MessageKey, NewCode, RequestId, Reserve, Reserved, Settle,
        Settlement,
    },
};

/// A send whose text has been checked.
pub(super) struct Sending {
    otp: Otp,
    phone: PhoneNumber,
    purpose: Purpose,
    company: String,
    comment: Option<String>,
    web_otp_domain: Option<String>,
    send: RequestId,
    fresh: NewCode,
    macs: CodeMacs,
    /// The fresh code; none when the gateway makes it.
    code: Option<Code>,
}

impl Sending {
    /// Makes the code that is sent unless the live one can be sent again.
    pub(super) fn prepare(
        otp: &Otp,
        phone: &PhoneNumber,
        purpose: &Purpose,
        company: &str,
        options: SendOptions<'_>,
    ) -> Result<Self, Error> {
        let context = Context::new(&otp.settings, phone, purpose);
        let pepper = otp.settings.peppers.current();
        let nonce = derivation::nonce()?;
        let (origin, code) = match options.code {
            CodeSource::Ours => (CodeOrigin::Derived, Some(context.derive(pepper, &nonce))),
            CodeSource::Given(code) => {
                let digits = code.expose().len();
                if !otp.settings.policy.knows_length(digits) {
                    return Err(Error::CodeLength { digits });
                }
                (CodeOrigin::Given, Some(code.clone()))
            }
            CodeSource::Gateway if otp.gateway.makes_codes() => (CodeOrigin::Gateway, None),
            CodeSource::Gateway => {
                return Err(Error::NoGatewayCodes { gateway: otp.gateway.name() });
            }
        };
        let digits = code.as_ref().map_or(otp.settings.policy.code_length, |code| code.expose().len());
        let fresh = NewCode {
            origin,
            digits: u8::try_from(digits).unwrap_or(u8::MAX),
            pepper: pepper.tag(),
            nonce,
            handle: derivation::handle_digest(context.handle(pepper, &nonce).as_str()),
            mac: code.as_ref().map_or([0; 16], |code| context.mac(pepper, code)),
        };
        Ok(Self {
            otp: otp.clone(),
            phone: phone.clone(),
            purpose: purpose.clone(),
            company: company.to_owned(),
            comment: options.comment.map(str::to_owned),
            web_otp_domain: options.web_otp_domain.map(str::to_owned),
            send: RequestId::random(),
            fresh,
            macs: code.as_ref().map(|code| context.macs(code)).unwrap_or_default(),
            code,
        })
    }

    /// Reserves, calls the gateway, settles.
    pub(super) async fn run(self) -> Result<SendOutcome, Error> {
        let context = Context::new(&self.otp.settings, &self.phone, &self.purpose);
        let key = context.key();
        let granted = match self.reserve(&key).await? {
            Reserved::Granted(granted) => granted,
            Reserved::Denied { retry_after, cool_down } => {
                let reason = if cool_down { RefusalReason::CoolDown } else { RefusalReason::TooManySends };
                return Ok(SendOutcome::refused(reason, Some(retry_after)));
            }
        };
        let code = match granted.same {
            Some((pepper, nonce)) if self.fresh.origin == CodeOrigin::Derived => {
                Some(context.derive_again(pepper, &nonce).ok_or(Error::PepperRetired)?)
            }
            _ => self.code.clone(),
        };
        let message = CodeMessage {
            to: &self.phone,
            code: code.as_ref(),
            company: &self.company,
            comment: self.comment.as_deref(),
            web_otp_domain: self.web_otp_domain.as_deref(),
            reference: &data_encoding::HEXLOWER.encode(&self.send.0),
        };
        let answer = self.otp.gateway.send_code(&message).await;
        self.close(&context, &key, &granted, answer).await
    }

    async fn reserve(&self, key: &CodeKey) -> Result<Reserved, Error> {
        let policy = &self.otp.settings.policy;
        let request = Reserve {
            key,
            send: self.send,
            limits: &policy.limits,
            lifetime: policy.lifetime,
            guesses: policy.guesses,
            fresh: self.fresh.clone(),
            resend_min_left: policy.resend_min_left,
            macs: self.macs.clone(),
        };
        Ok(self.otp.codes.reserve(&request).await?)
    }

    /// Settles by what the gateway said and turns it into the caller's outcome.
    async fn close(
        &self,
        context: &Context<'_>,
        key: &CodeKey,
        granted: &Granted,
        answer: Result<CodeAccepted, GatewayError>,
    ) -> Result<SendOutcome, Error> {
        match answer {
            Ok(CodeAccepted { accepted, code }) => {
                let message_id = accepted.message_id;
                let made = code.map(|code| context.mac(self.otp.settings.peppers.current(), &code));
                let gateway = self.otp.gateway.name();
                let settled =
                    self.settle(key, Settlement::Sent { gateway, message_id: &message_id, made }).await;
                // Our own code is in the store already; one that the gateway made would be lost.
                if made.is_some() {
                    settled?;
                }
                self.join_delivery(&message_id).await;
                Ok(self.sent(context, granted, accepted.parts, DeliveryState::Accepted { message_id }))
            }
            Err(error) if error.certainty() == Certainty::Unknown => {
                tracing::warn!(%error, phone = %self.phone, "nobody knows whether the text went out");
                // Left open, the send counts as unknown too.
                let _ = self.settle(key, Settlement::Unknown).await;
                Ok(self.sent(context, granted, None, DeliveryState::Unknown))
            }
            Err(error) => {
                // Left open, the send stays counted; what the gateway said is what the caller must know.
                let _ = self.settle(key, Settlement::NotSent).await;
                if !error.is_refusal() {
                    metrics::counter!("textproof_otp_sends_total", "outcome" => "failed").increment(1);
                    return Err(error.into());
                }
                let retry_after = match &error {
                    GatewayError::RateLimited { retry_after, .. } => Some(*retry_after),
                    _ => None,
                };
                Ok(SendOutcome::refused(RefusalReason::Gateway(error.to_string()), retry_after))
            }
        }
    }

    async fn settle(&self, key: &CodeKey, settlement: Settlement<'_>) -> Result<(), Error> {
        let settle = Settle { key, send: self.send, settlement };
        match self.otp.codes.settle_send(&settle).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                tracing::debug!("the send was not open any more: settled before, or followed by another");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "a send could not be settled; its code stays valid");
                Err(error.into())
            }
        }
    }

    /// Makes the message known to delivery reports. Losing this loses a figure, never a code.
    async fn join_delivery(&self, message_id: &str) {
        let gateway = self.otp.gateway.name().to_owned();
        let key = MessageKey { gateway, message_id: message_id.to_owned() };
        // Buckets of a day need no agreement between hosts, so the host's own clock will do.
        let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
        if let Err(error) = self.otp.deliveries.record_sent(&key, self.phone.prefix(), day).await {
            tracing::warn!(%error, "a sent message could not be joined with its delivery reports");
        }
    }

    /// Messages that the text is billed as by our own count, known before the gateway is called.
    fn counted_parts(&self) -> u32 {
        let (comment, domain) = (self.comment.as_deref(), self.web_otp_domain.as_deref());
        code_text_parts(usize::from(self.fresh.digits), &self.company, comment, domain)
    }

    fn sent(
        &self,
        context: &Context<'_>,
        granted: &Granted,
        parts: Option<u32>,
        delivery: DeliveryState,
    ) -> SendOutcome {
        let outcome = match delivery {
            DeliveryState::Accepted { .. } => "sent",
            DeliveryState::Unknown => "unknown",
        };
        metrics::counter!("textproof_otp_sends_total", "outcome" => outcome).increment(1);
        let (pepper, nonce) = granted.same.unwrap_or((self.fresh.pepper, self.fresh.nonce));
        SendOutcome::Sent(Challenge {
            handle: context.handle_of(pepper, &nonce),
            expires_in: granted.expires_in,
            next_send_in: granted.next_send_in,
            sends_left: granted.sends_left,
            resent: granted.same.is_some(),
            parts: parts.or_else(|| Some(self.counted_parts())),
            delivery,
        })
    }
}
