//! Texts in an application's own words. One that advertises is refused to whoever has opted out, before any gateway is
//! called.

use std::{fmt, sync::Arc};

use crate::{
    breaker::{Breaker, health},
    consent::ConsentLedger,
    error::Error,
    gateway::{Accepted, Gateway, MessageClass, TextMessage},
    in_turn::{Dispatched, in_turn},
    phone::PhoneNumber,
    secret::FingerprintKey,
    store::Store,
};

/// Sends texts of one tenant through the gateways in turn: the next one only after a certain non-send.
#[derive(Clone)]
pub struct Texts {
    tenant: String,
    store: Arc<dyn Store>,
    gateways: Arc<[Arc<dyn Gateway>]>,
    fingerprint_key: FingerprintKey,
    ledger: ConsentLedger,
}

/// Choices of one text.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions<'a> {
    /// What the text is for.
    pub class: MessageClass,
    /// Our number or short code that it goes out from, where it is known: then an opt-out from another one does not
    /// count.
    pub sender: Option<&'a str>,
    /// Our reference, at most 36 characters; comes back on the delivery report where the gateway can.
    pub reference: Option<&'a str>,
}

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOutcome {
    /// A gateway took it.
    Sent {
        /// Which.
        gateway: &'static str,
        /// What it said.
        accepted: Accepted,
    },
    /// It advertises, and the person has opted out. No gateway was called.
    OptedOut,
    /// A gateway may have taken it: it must not be sent again blindly.
    Unknown {
        /// Which.
        gateway: &'static str,
    },
}

impl Texts {
    /// Sends through these gateways, in this order.
    #[must_use]
    pub fn new(
        tenant: impl Into<String>,
        store: Arc<dyn Store>,
        gateways: Vec<Arc<dyn Gateway>>,
        fingerprint_key: FingerprintKey,
    ) -> Self {
        let ledger = ConsentLedger::new(Arc::clone(&store), fingerprint_key.clone());
        Self { tenant: tenant.into(), store, gateways: gateways.into(), fingerprint_key, ledger }
    }

    /// Sends a text, once. A second call is a second text.
    ///
    /// # Errors
    /// [`Error::Store`] when the store does not say whether the person has opted out, [`Error::Gateway`] when the last
    /// gateway failed, [`Error::GatewaysOpen`] when all of them are left alone just now. Nothing was sent.
    pub async fn send(
        &self,
        phone: &PhoneNumber,
        body: &str,
        options: TextOptions<'_>,
    ) -> Result<TextOutcome, Error> {
        if options.class == MessageClass::Marketing
            && self.ledger.opted_out(&self.tenant, phone.e164(), options.sender).await?
        {
            metrics::counter!("textproof_texts_total", "outcome" => "opted_out").increment(1);
            return Ok(TextOutcome::OptedOut);
        }
        let message = TextMessage { to: phone, body, reference: options.reference, class: options.class };
        let outcome = self.dispatch(&message).await;
        let word = match &outcome {
            Ok(TextOutcome::Sent { .. }) => "sent",
            Ok(TextOutcome::OptedOut) => "opted_out",
            Ok(TextOutcome::Unknown { .. }) => "unknown",
            Err(_) => "not_sent",
        };
        metrics::counter!("textproof_texts_total", "outcome" => word).increment(1);
        outcome
    }

    async fn dispatch(&self, message: &TextMessage<'_>) -> Result<TextOutcome, Error> {
        let call = async |gateway: &dyn Gateway, breaker: Breaker| {
            let result = gateway.send_text(message).await;
            breaker.report(health(&result)).await;
            result
        };
        match in_turn(self.gateways.iter(), &self.store, &self.fingerprint_key, call).await {
            Dispatched::Accepted { gateway, accepted } => Ok(TextOutcome::Sent { gateway, accepted }),
            Dispatched::Unknown { gateway, error } => {
                tracing::warn!(%error, "nobody knows whether a text was sent");
                Ok(TextOutcome::Unknown { gateway })
            }
            Dispatched::NotSent(error) => Err(error.into()),
            Dispatched::AllOpen { retry_after } => Err(Error::GatewaysOpen { retry_after }),
        }
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts")
            .field("tenant", &self.tenant)
            .field("gateways", &self.gateways)
            .finish_non_exhaustive()
    }
}
