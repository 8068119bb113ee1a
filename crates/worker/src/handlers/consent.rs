//! STOP and START.

use async_trait::async_trait;
use textproof::{
    consent::ConsentLedger,
    event::{Content, Event},
    store::Consent,
};

use crate::{Handler, HandlerError};

/// Keeps who wants texts from whom. It never swallows an event: the handlers after it still see it.
#[derive(Debug)]
pub struct KeepConsent {
    ledger: ConsentLedger,
}

impl KeepConsent {
    /// Keeps consent in this ledger.
    #[must_use]
    pub fn new(ledger: ConsentLedger) -> Self {
        Self { ledger }
    }
}

#[async_trait]
impl Handler for KeepConsent {
    fn name(&self) -> &'static str {
        "consent"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let Content::Reply(reply) = &event.content else {
            return Ok(());
        };
        if let Some((consent, true)) = self.ledger.merge(event, reply).await? {
            let consent = match consent {
                Consent::In => "in",
                Consent::Out => "out",
            };
            tracing::info!(event = %event.id, consent, "consent changed");
            metrics::counter!("textproof_worker_consent_changes_total", "consent" => consent).increment(1);
        }
        Ok(())
    }
}
