//! STOP and START, and texts that somebody has to read.

use async_trait::async_trait;
use textproof::{
    consent::{ConsentLedger, Heard},
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
        match self.ledger.merge(event, reply).await? {
            Heard::Nothing | Heard::Help | Heard::Stands(_) | Heard::ForReview { new: false } => {}
            Heard::Changed(consent) => changed(event, consent),
            Heard::ForReview { new: true } => {
                tracing::info!(event = %event.id, "a text waits for `textproof consent review`");
                count_review("waiting");
            }
            Heard::OptedOutUnread => {
                tracing::warn!(
                    event = %event.id,
                    "a text was to be read, and too many wait: its sender is opted out; see `textproof consent review`"
                );
                count_review("opted_out_unread");
            }
            // Not an error: rules, forwards and handlers of an application still have to see what was said.
            Heard::OutOfAll => {
                tracing::warn!(
                    event = %event.id,
                    "a STOP holds towards all of our numbers: its sender has opted in or out of as many as are kept"
                );
                count_full("out_of_all");
            }
            Heard::Full => {
                tracing::warn!(
                    event = %event.id,
                    "an opt-in is not kept: its sender has opted in or out of as many of our numbers as are kept"
                );
                count_full("not_kept");
            }
        }
        Ok(())
    }
}

fn changed(event: &Event, consent: Consent) {
    let consent = match consent {
        Consent::In => "in",
        Consent::Out => "out",
    };
    tracing::info!(event = %event.id, consent, "consent changed");
    metrics::counter!("textproof_worker_consent_changes_total", "consent" => consent).increment(1);
}

fn count_review(outcome: &'static str) {
    metrics::counter!("textproof_worker_consent_reviews_total", "outcome" => outcome).increment(1);
}

fn count_full(outcome: &'static str) {
    metrics::counter!("textproof_worker_consent_full_total", "outcome" => outcome).increment(1);
}
