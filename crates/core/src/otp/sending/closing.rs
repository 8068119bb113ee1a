//! From a reserved send to its outcome: the gateways are called, and the phone's record is told what they said.

use jiff::{Timestamp, tz::TimeZone};

use super::{Begun, Sending, Source};
use crate::{
    error::Error,
    gateway::{CodeAccepted, CodeMessage, GatewayError},
    in_turn::Dispatched,
    otp::{
        DeliveryState, RefusalReason, SendOutcome,
        derivation::Context,
        dispatch::dispatch,
        idempotent::{Claimed, kept},
    },
    store::{CodeOrigin, MessageKey, Settle, Settlement},
};

impl Sending {
    /// From the reservation to the outcome, which is kept under the idempotency key.
    pub(super) async fn finish(&self, begun: Begun) -> Result<SendOutcome, Error> {
        let context = self.context()?;
        let outcome = match &self.source {
            // Another host may have sent its text: it is never sent blindly again.
            _ if begun.granted.repeated && self.claimed.as_ref().is_some_and(Claimed::may_be_shared) => {
                Ok(self.sent(&context, &begun, self.parts, DeliveryState::Unknown))
            }
            Source::Fixed(_) => {
                tracing::warn!(phone = %self.phone, purpose = %self.purpose, "a fixed code was asked for");
                self.settle_unsent(&context).await;
                Ok(self.sent(&context, &begun, self.parts, DeliveryState::Accepted { message_id: None }))
            }
            Source::Suppressed => {
                self.settle_unsent(&context).await;
                self.otp.pace.sleep(begun.at).await;
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
            Dispatched::Unknown { error, .. } => {
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
}
