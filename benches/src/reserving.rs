//! Sends at the level of the store: what `Otp::send` asks of it, without deriving a code.

use std::{sync::Arc, time::Duration};

use textproof::{
    policy::{FailureLimits, SendLimits},
    secret::{Fingerprint, PepperTag},
    store::{
        CodeKey, CodeMacs, CodeOrigin, CodeStore, NewCode, RedisStore, RequestId, Reserve, Reserved, Settle,
        Settlement, StoreError,
    },
};

use crate::login;

/// Reserves sends to ever new phones under the default limits.
#[derive(Clone)]
pub struct Reserver {
    store: Arc<RedisStore>,
    limits: SendLimits,
    failures: FailureLimits,
}

impl Reserver {
    /// Reserves in this store.
    #[must_use]
    pub fn new(store: &Arc<RedisStore>) -> Self {
        let (limits, failures) = (SendLimits::default(), FailureLimits::default());
        Self { store: Arc::clone(store), limits, failures }
    }

    /// A phone that nobody has.
    #[must_use]
    pub fn phone(&self) -> CodeKey {
        let phone = Fingerprint::from_bytes(rand::random());
        CodeKey { phone, purpose: login(), session: None }
    }

    /// Reserves one send and returns whether it was granted.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn reserve(&self, key: &CodeKey, send: RequestId) -> Result<bool, StoreError> {
        let pepper = PepperTag(*b"be");
        let mac = rand::random();
        let fresh = NewCode {
            origin: CodeOrigin::Derived,
            digits: 6,
            pepper,
            nonce: rand::random(),
            handle: [1; 6],
            mac,
        };
        let request = Reserve {
            key,
            send,
            limits: &self.limits,
            failures: &self.failures,
            idempotency: None,
            lifetime: Duration::from_secs(600),
            guesses: 5,
            fresh,
            resend_min_left: Duration::from_secs(120),
            macs: CodeMacs(vec![(pepper, mac)]),
        };
        Ok(matches!(self.store.reserve(&request).await?, Reserved::Granted(_)))
    }

    /// Settles it as sent, without a message.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn settle(&self, key: &CodeKey, send: RequestId) -> Result<bool, StoreError> {
        let settlement = Settlement::Sent { message: None, made: None };
        self.store.settle_send(&Settle { key, send, settlement }).await
    }
}
