//! One send from its idempotency key to its settlement. It owns what it needs, so that it can go on when the
//! caller has gone. Here it is prepared and reserved; `closing` calls the gateways and settles it.

mod closing;
mod preparing;

use tokio::time::Instant;
use tracing::Instrument;

use super::{
    Challenge, DeliveryState, Otp, SendOutcome,
    charges::{ChargeDenied, Charges},
    derivation::{self, Context},
    idempotent::{Claim, Claimed, IdempotencyKey},
};
use crate::{
    code::Code,
    consent::ConsentLedger,
    error::Error,
    phone::PhoneNumber,
    purpose::Purpose,
    store::{CodeMacs, CodeOrigin, Granted, IDEMPOTENCY_KEPT, NewCode, RequestId, Reserve, Reserved},
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
    /// When the idempotency key was claimed, of a send that has one.
    claimed: Option<Claimed>,
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
    /// Claims the key, charges, reserves, sends, settles.
    pub(super) async fn run(mut self) -> Result<SendOutcome, Error> {
        if let Some(key) = &self.idempotency {
            match key.claim(self.otp.store.as_ref(), &self.context()?, self.send).await? {
                Claim::Outcome(outcome) => return Ok(outcome),
                Claim::Send(claimed) => (self.send, self.claimed) = (claimed.send, Some(claimed)),
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

    /// Whether the person stopped texts of a sender that stops codes, too.
    async fn opted_out(&self) -> Result<bool, Error> {
        let settings = &self.otp.settings;
        let store = std::sync::Arc::clone(&self.otp.store);
        let ledger = ConsentLedger::new(store, settings.fingerprint_key.clone());
        let (tenant, phone) = (&settings.tenant, self.phone.e164());
        if !settings.codes_after_stop && ledger.opted_out(tenant, phone, None).await? {
            return Ok(true);
        }
        for sender in &settings.opt_out_senders {
            if ledger.opted_out(tenant, phone, Some(sender)).await? {
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

    fn sent(&self, context: &Context<'_>, begun: &Begun, parts: u32, delivery: DeliveryState) -> SendOutcome {
        let outcome = match (&self.source, &delivery) {
            (Source::Fixed(_), _) => "fixed",
            (Source::Suppressed, _) => "suppressed",
            (_, DeliveryState::Unknown) => "unknown",
            (_, DeliveryState::Pending) => "pending",
            (_, DeliveryState::Accepted { .. }) => "sent",
        };
        metrics::counter!("textproof_otp_sends_total", "outcome" => outcome).increment(1);
        // What the record holds: a host that takes a send over has drawn another nonce.
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
