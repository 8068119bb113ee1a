//! One send from its idempotency key to its settlement. It owns what it needs, so that it can go on when the
//! caller has gone.

use jiff::{Timestamp, tz::TimeZone};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::{
    Challenge, CodeSource, DeliveryState, Otp, RefusalReason, SendOptions, SendOutcome,
    charges::{ChargeDenied, Charges},
    derivation::{self, Context},
    dispatch::{Dispatched, dispatch},
    fixed::fixed_code,
    idempotent::{Claim, IdempotencyKey, kept},
};
use crate::{
    code::Code,
    consent::ConsentLedger,
    error::Error,
    gateway::{CodeAccepted, CodeMessage, GatewayError, text::code_text_parts},
    phone::PhoneNumber,
    purpose::Purpose,
    store::{
        CodeMacs, CodeOrigin, Consent, ConsentStore, Granted, IDEMPOTENCY_KEPT, MessageKey, NewCode,
        RequestId, Reserve, Reserved, Settle, Settlement,
    },
};

/// A send whose text has been checked.
pub(super) struct Sending {
    otp: Otp,
    phone: PhoneNumber,
    purpose: Purpose,
    session: Option<String>,
    company: String,
    comment: Option<String>,
    web_otp_domain: Option<String>,
    source: Source,
    /// Parts of the text as we count them.
    parts: u32,
    charges: Charges,
    idempotency: Option<IdempotencyKey>,
    in_background: bool,
    send: RequestId,
    /// Whether a host that did not finish may have begun this send.
    taken_over: bool,
}

/// Where the code of a send comes from, after everything has been looked at.
#[derive(Clone)]
enum Source {
    Ours,
    Given(Code),
    Gateway,
    /// A listed number with a code that never changes: nothing is sent.
    Fixed(Code),
    /// Nothing is sent, and it looks as if something were.
    Suppressed,
}

enum Beginning {
    Begun(Begun),
    Refused(SendOutcome),
}

/// A reserved send.
struct Begun {
    granted: Granted,
    fresh: NewCode,
    /// The fresh code; none when the gateway makes it, or nobody.
    code: Option<Code>,
    at: Instant,
}

impl Sending {
    /// Looks at everything that can be wrong before anything is counted.
    pub(super) fn prepare(
        otp: &Otp,
        phone: &PhoneNumber,
        purpose: &Purpose,
        company: &str,
        options: SendOptions<'_>,
    ) -> Result<Self, Error> {
        let settings = &otp.settings;
        let context = Context::new(settings, phone, purpose, options.session)?;
        let source = match (fixed_code(&settings.fixed_codes, phone, Timestamp::now()), options.code) {
            _ if options.suppress => Source::Suppressed,
            (Some(fixed), _) => Source::Fixed(fixed.clone()),
            (None, CodeSource::Ours) => Source::Ours,
            (None, CodeSource::Given(code)) => {
                let digits = code.expose().len();
                if !settings.policy.knows_length(digits) {
                    return Err(Error::CodeLength { digits });
                }
                Source::Given(code.clone())
            }
            (None, CodeSource::Gateway) if otp.gateways.iter().any(|gateway| gateway.makes_codes()) => {
                Source::Gateway
            }
            (None, CodeSource::Gateway) => {
                return Err(Error::NoGatewayCodes { gateway: otp.gateways[0].name() });
            }
        };
        let digits = match &source {
            Source::Given(code) | Source::Fixed(code) => code.expose().len(),
            _ => settings.policy.code_length,
        };
        let parts = code_text_parts(digits, company, options.comment, options.web_otp_domain);
        let idempotency = options
            .idempotency_key
            .map(|key| IdempotencyKey::new(&context, key, arguments(&context, company, options)))
            .transpose()?;
        Ok(Self {
            otp: otp.clone(),
            phone: phone.clone(),
            purpose: purpose.clone(),
            session: options.session.map(str::to_owned),
            company: company.to_owned(),
            comment: options.comment.map(str::to_owned),
            web_otp_domain: options.web_otp_domain.map(str::to_owned),
            source,
            parts,
            charges: Charges::of_send(settings, phone, options.address, parts),
            idempotency,
            in_background: options.in_background,
            send: RequestId::random(),
            taken_over: false,
        })
    }

    /// Claims the key, charges, reserves, sends, settles.
    pub(super) async fn run(mut self) -> Result<SendOutcome, Error> {
        if let Some(key) = &self.idempotency {
            match key.claim(self.otp.store.as_ref(), &self.context()?, self.send).await? {
                Claim::Outcome(outcome) => return Ok(outcome),
                Claim::Send { id, taken_over } => (self.send, self.taken_over) = (id, taken_over),
            }
        }
        let begun = match self.begin().await {
            Ok(Beginning::Begun(begun)) => begun,
            // Nothing was begun: the same key may be tried again.
            Ok(Beginning::Refused(refused)) => {
                self.release_key().await;
                return Ok(refused);
            }
            Err(error) => {
                self.release_key().await;
                return Err(error);
            }
        };
        if !self.in_background {
            return self.finish(begun).await;
        }
        let outcome = self.sent(&self.context()?, &begun, self.parts, DeliveryState::Pending);
        let finishing = async move {
            if let Err(error) = self.finish(begun).await {
                tracing::warn!(%error, "a send in the background failed; nothing was sent");
            }
        };
        tokio::spawn(finishing.in_current_span());
        Ok(outcome)
    }

    /// Charges the limits of others, then asks the phone's own: what is charged is given back when it denies.
    async fn begin(&mut self) -> Result<Beginning, Error> {
        if self.opted_out().await? {
            self.source = Source::Suppressed;
        }
        let (fresh, code) = self.fresh_code()?;
        if let Err(ChargeDenied { reason, retry_after }) = self.charges.charge(&self.otp).await? {
            return Ok(Beginning::Refused(SendOutcome::refused(reason, Some(retry_after))));
        }
        let at = Instant::now();
        match self.reserve(&fresh, code.as_ref()).await? {
            Reserved::Granted(granted) => Ok(Beginning::Begun(Begun { granted, fresh, code, at })),
            Reserved::Denied { by, retry_after } => {
                self.charges.refund(&self.otp).await;
                Ok(Beginning::Refused(SendOutcome::refused(by.into(), retry_after)))
            }
        }
    }

    /// Whether the person stopped texts of one of the senders that stop codes too.
    async fn opted_out(&self) -> Result<bool, Error> {
        let settings = &self.otp.settings;
        if settings.opt_out_senders.is_empty() {
            return Ok(false);
        }
        let store = std::sync::Arc::clone(&self.otp.store) as std::sync::Arc<dyn ConsentStore>;
        let ledger = ConsentLedger::new(store, settings.fingerprint_key.clone());
        for sender in &settings.opt_out_senders {
            let statement = ledger.read(&settings.tenant, self.phone.e164(), sender).await?;
            if statement.is_some_and(|statement| statement.consent == Consent::Out) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes the code that is sent unless the live one can be sent again.
    fn fresh_code(&self) -> Result<(NewCode, Option<Code>), Error> {
        let settings = &self.otp.settings;
        let context = self.context()?;
        let pepper = settings.peppers.current();
        let nonce = derivation::nonce()?;
        let (origin, code) = match &self.source {
            Source::Ours => (CodeOrigin::Derived, Some(context.derive(pepper, &nonce))),
            Source::Given(code) | Source::Fixed(code) => (CodeOrigin::Given, Some(code.clone())),
            Source::Gateway => (CodeOrigin::Gateway, None),
            Source::Suppressed => (CodeOrigin::Suppressed, None),
        };
        let digits = code.as_ref().map_or(settings.policy.code_length, |code| code.expose().len());
        let mac = match (&code, origin) {
            (Some(code), _) => context.mac(pepper, code),
            (None, CodeOrigin::Suppressed) => derivation::no_mac()?,
            (None, _) => [0; 16],
        };
        let fresh = NewCode {
            origin,
            digits: u8::try_from(digits).unwrap_or(u8::MAX),
            pepper: pepper.tag(),
            nonce,
            handle: derivation::handle_digest(context.handle(pepper, &nonce).as_str()),
            mac,
        };
        Ok((fresh, code))
    }

    async fn reserve(&self, fresh: &NewCode, code: Option<&Code>) -> Result<Reserved, Error> {
        let policy = &self.otp.settings.policy;
        let context = self.context()?;
        let macs = match (&self.source, code) {
            (_, Some(code)) => context.macs(code),
            // A suppressed code is sent again as a derived one would be.
            (Source::Suppressed, None) => {
                let peppers = self.otp.settings.peppers.iter();
                CodeMacs(peppers.map(|pepper| (pepper.tag(), [0; 16])).collect())
            }
            (_, None) => CodeMacs::default(),
        };
        let request = Reserve {
            key: &context.key(),
            send: self.send,
            limits: &policy.limits,
            failures: &policy.failures,
            idempotency: self.idempotency.as_ref().map(|key| (&key.name, IDEMPOTENCY_KEPT)),
            lifetime: policy.lifetime,
            guesses: policy.guesses,
            fresh: fresh.clone(),
            resend_min_left: policy.resend_min_left,
            macs,
        };
        Ok(self.otp.store.reserve(&request).await?)
    }

    /// From the reservation to the outcome, which is kept under the idempotency key.
    async fn finish(&self, begun: Begun) -> Result<SendOutcome, Error> {
        let context = self.context()?;
        let outcome = match &self.source {
            // Its text may have gone out: it is never sent blindly again.
            _ if begun.granted.repeated && self.taken_over => {
                Ok(self.sent(&context, &begun, self.parts, DeliveryState::Unknown))
            }
            Source::Fixed(_) => {
                tracing::warn!(phone = %self.phone, purpose = %self.purpose, "a fixed code was asked for");
                self.settle_unsent(&context).await;
                Ok(self.sent(&context, &begun, self.parts, DeliveryState::Accepted { message_id: None }))
            }
            Source::Suppressed => {
                self.settle_unsent(&context).await;
                sleep_until(self.otp.pace.end_of(begun.at)).await;
                Ok(self.sent(&context, &begun, self.parts, DeliveryState::Accepted { message_id: None }))
            }
            _ => {
                let outcome = self.dispatch(&context, &begun).await;
                self.otp.pace.record(begun.at);
                outcome
            }
        };
        let (pepper, nonce) = begun.granted.in_force;
        match outcome.as_ref().ok().and_then(|outcome| kept(outcome, pepper, nonce)) {
            Some(kept) => self.finish_key(&kept).await,
            None => self.release_key().await,
        }
        outcome
    }

    async fn settle_unsent(&self, context: &Context<'_>) {
        // Left open, the send counts as unknown; the code is in force all the same.
        let _ = self.settle(context, Settlement::Sent { message: None, made: None }).await;
    }

    /// Calls the gateways, settles by what they said and turns it into the caller's outcome.
    async fn dispatch(&self, context: &Context<'_>, begun: &Begun) -> Result<SendOutcome, Error> {
        let code = match begun.granted.same {
            Some((pepper, nonce)) if begun.fresh.origin == CodeOrigin::Derived => {
                let code = context.derive_again(pepper, &nonce);
                if code.is_none() {
                    self.not_sent(context, true).await;
                    return Err(Error::PepperRetired);
                }
                code
            }
            _ => begun.code.clone(),
        };
        let message = CodeMessage {
            to: &self.phone,
            code: code.as_ref(),
            company: &self.company,
            comment: self.comment.as_deref(),
            web_otp_domain: self.web_otp_domain.as_deref(),
            reference: &data_encoding::HEXLOWER.encode(&self.send.0),
        };
        match dispatch(&self.otp, &message).await {
            Dispatched::Accepted { gateway, accepted } => {
                self.accepted(context, begun, gateway, accepted).await
            }
            Dispatched::Unknown(error) => {
                tracing::warn!(%error, phone = %self.phone, "nobody knows whether the text went out");
                // Left open, the send counts as unknown too.
                let _ = self.settle(context, Settlement::Unknown).await;
                Ok(self.sent(context, begun, self.parts, DeliveryState::Unknown))
            }
            Dispatched::AllOpen { retry_after } => {
                self.not_sent(context, true).await;
                Ok(SendOutcome::refused(RefusalReason::GatewaysUnavailable, Some(retry_after)))
            }
            Dispatched::NotSent(error) if error.is_refusal() => {
                // The gateway has worked on it: what was charged to others stays charged.
                self.not_sent(context, false).await;
                let retry_after = match &error {
                    GatewayError::RateLimited { retry_after, .. } => Some(*retry_after),
                    _ => None,
                };
                Ok(SendOutcome::refused(RefusalReason::Gateway(error.to_string()), retry_after))
            }
            Dispatched::NotSent(error) => {
                self.not_sent(context, true).await;
                metrics::counter!("textproof_otp_sends_total", "outcome" => "failed").increment(1);
                Err(error.into())
            }
        }
    }

    async fn accepted(
        &self,
        context: &Context<'_>,
        begun: &Begun,
        gateway: &'static str,
        accepted: CodeAccepted,
    ) -> Result<SendOutcome, Error> {
        let CodeAccepted { accepted, code } = accepted;
        let message = MessageKey { gateway: gateway.to_owned(), message_id: accepted.message_id };
        let made = code.map(|code| context.mac(self.otp.settings.peppers.current(), &code));
        let settled = self.settle(context, Settlement::Sent { message: Some(&message), made }).await;
        // Our own code is in the store already; one that the gateway made would be lost.
        if made.is_some() {
            settled?;
        }
        self.join_delivery(&message).await;
        let delivery = DeliveryState::Accepted { message_id: Some(message.message_id) };
        Ok(self.sent(context, begun, accepted.parts.unwrap_or(self.parts), delivery))
    }

    /// A certain non-send. Left open, it stays counted; what the gateway said is what the caller must know.
    async fn not_sent(&self, context: &Context<'_>, refund: bool) {
        let _ = self.settle(context, Settlement::NotSent).await;
        if refund {
            self.charges.refund(&self.otp).await;
        }
    }

    async fn settle(&self, context: &Context<'_>, settlement: Settlement<'_>) -> Result<(), Error> {
        let settle = Settle { key: &context.key(), send: self.send, settlement };
        match self.otp.store.settle_send(&settle).await {
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
    async fn join_delivery(&self, message: &MessageKey) {
        // Buckets of a day need no agreement between hosts, so the host's own clock will do.
        let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
        if let Err(error) = self.otp.store.record_sent(message, self.phone.prefix(), day).await {
            tracing::warn!(%error, "a sent message could not be joined with its delivery reports");
        }
    }

    fn sent(&self, context: &Context<'_>, begun: &Begun, parts: u32, delivery: DeliveryState) -> SendOutcome {
        let outcome = match (&self.source, &delivery) {
            (Source::Fixed(_), _) => "fixed",
            (Source::Suppressed, _) => "suppressed",
            (_, DeliveryState::Unknown) => "unknown",
            (_, DeliveryState::Pending) => "pending",
            (_, DeliveryState::Accepted { .. }) => "sent",
        };
        metrics::counter!("textproof_otp_sends_total", "outcome" => outcome).increment(1);
        // A handle is derived from what the record holds: a host that takes over has drawn another nonce.
        let (pepper, nonce) = begun.granted.in_force;
        SendOutcome::Sent(Challenge {
            handle: context.handle_of(pepper, &nonce),
            expires_in: begun.granted.expires_in,
            next_send_in: begun.granted.next_send_in,
            sends_left: begun.granted.sends_left,
            resent: begun.granted.same.is_some(),
            parts,
            delivery,
        })
    }

    fn context(&self) -> Result<Context<'_>, Error> {
        Context::new(&self.otp.settings, &self.phone, &self.purpose, self.session.as_deref())
    }

    async fn finish_key(&self, outcome: &[u8]) {
        if let Some(key) = &self.idempotency
            && let Err(error) = self.otp.store.finish_key(&key.name, self.send, outcome).await
        {
            // The phone's record knows the send by its id: whoever takes the key over sends nothing.
            tracing::warn!(%error, "the outcome of a send could not be kept under its idempotency key");
        }
    }

    async fn release_key(&self) {
        if let Some(key) = &self.idempotency
            && let Err(error) = self.otp.store.release_key(&key.name, self.send).await
        {
            tracing::warn!(%error, "an idempotency key could not be given back; its lease ends by itself");
        }
    }
}

/// A digest of everything that makes two sends the same.
fn arguments(context: &Context<'_>, company: &str, options: SendOptions<'_>) -> [u8; 16] {
    let code = match options.code {
        CodeSource::Ours => "ours",
        CodeSource::Given(code) => code.expose(),
        CodeSource::Gateway => "gateway",
    };
    let comment = options.comment.unwrap_or_default();
    let domain = options.web_otp_domain.unwrap_or_default();
    let suppressed = if options.suppress { "suppressed" } else { "" };
    context.digest("arguments", &[company, comment, domain, code, suppressed].map(str::as_bytes))
}
