//! What an operator, and the next step of an application, asks of the engine.

use super::{Otp, Redemption, derivation, derivation::Context, receipt};
use crate::{
    consent::ConsentLedger,
    error::Error,
    phone::PhoneNumber,
    purpose::Purpose,
    store::{Erased, PhoneState, Redeem, RequestId, SendState},
};

/// Choices of one redemption.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedeemOptions<'a> {
    /// The session that the code was sent and verified in.
    pub session: Option<&'a str>,
    /// Repeat a redemption whose answer was lost: the same id gets the same answer. Never take it from a client.
    pub request: Option<RequestId>,
}

impl Otp {
    /// Redeems the receipt of a verified code, once: the step that the proof was for happens now.
    ///
    /// # Errors
    /// [`Error::Store`] when the store does not answer.
    pub async fn redeem(
        &self,
        phone: &PhoneNumber,
        purpose: &Purpose,
        receipt: &str,
        options: RedeemOptions<'_>,
    ) -> Result<Redemption, Error> {
        let context = Context::new(&self.settings, phone, purpose, options.session)?;
        let Some(receipt) = receipt::id_of(&self.settings, &context, receipt) else {
            return Ok(Redemption::Refused);
        };
        let request = RequestId::or_random(options.request);
        let redeemed = self.store.redeem(&Redeem { phone: &context.phone(), receipt, request }).await?;
        Ok(if redeemed { Redemption::Redeemed } else { Redemption::Refused })
    }

    /// What became of the text of a send, by its handle; none when another send to this phone has followed, or
    /// everything is long over.
    ///
    /// # Errors
    /// [`Error::Store`] when the store does not answer.
    pub async fn send_state(&self, phone: &PhoneNumber, handle: &str) -> Result<Option<SendState>, Error> {
        let fingerprint = self.settings.fingerprint(phone);
        Ok(self.store.send_state(&fingerprint, derivation::handle_digest(handle)).await?)
    }

    /// Budgets, waits, codes and the last message of one phone. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Store`] when the store does not answer.
    pub async fn phone_state(&self, phone: &PhoneNumber) -> Result<PhoneState, Error> {
        let fingerprint = self.settings.fingerprint(phone);
        let policy = &self.settings.policy;
        Ok(self.store.inspect(&fingerprint, &policy.limits, &policy.failures).await?)
    }

    /// Forgets the wrong guesses in a row of one phone, for one purpose or all; returns whether there were any.
    ///
    /// # Errors
    /// [`Error::Store`] when the store does not answer; unlocking again is safe.
    pub async fn unlock(&self, phone: &PhoneNumber, purpose: Option<&Purpose>) -> Result<bool, Error> {
        let fingerprint = self.settings.fingerprint(phone);
        tracing::info!(%phone, purpose = purpose.map(Purpose::as_str), "a phone is unlocked");
        Ok(self.store.unlock(&fingerprint, purpose).await?)
    }

    /// Forgets everything of one phone but that it opted out and when, and leaves a mark with the time, so that events received
    /// before it can be dropped where they still are.
    ///
    /// # Errors
    /// [`Error::Store`] when the store does not answer; erasing again is safe.
    pub async fn erase(&self, phone: &PhoneNumber) -> Result<Erased, Error> {
        let fingerprint = self.settings.fingerprint(phone);
        tracing::info!(%phone, "a phone is erased");
        // The mark first: from then on nothing that was received before leaves evidence of consent.
        let erased = self.store.erase(&fingerprint).await?;
        let store = std::sync::Arc::clone(&self.store);
        let ledger = ConsentLedger::new(store, self.settings.fingerprint_key.clone());
        let said = ledger.erase(&self.settings.tenant, phone.e164()).await?;
        Ok(Erased { keys: erased.keys, statements: said })
    }
}
