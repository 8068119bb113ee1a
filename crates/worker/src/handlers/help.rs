//! HELP and INFO: who we are and how to stop, for whoever asks.

use std::fmt;

use textproof::{
    consent::ConsentLedger,
    event::{Event, Reply},
    rule::Template,
};

use super::{
    Answers,
    rules::answers::{Audience, Automatic},
};
use crate::HandlerError;

/// What the claim of such an answer is kept under. No rule can have this name.
const CLAIM: &str = "(help)";

/// The answer to HELP. Carriers and CTIA's Short Code Monitoring Handbook want it for everybody who asks, subscribed or
/// not: so somebody who has opted out gets it, too, once for each time they ask, within the limits of automatic replies.
/// By an endpoint that anyone may post to, only those get it who have not opted out: a forger could text the others.
pub struct HelpAnswer {
    ledger: ConsentLedger,
    answers: Answers,
    text: Template,
}

impl HelpAnswer {
    /// Answers with this text what `ledger` takes for a question.
    #[must_use]
    pub fn new(ledger: ConsentLedger, answers: Answers, text: Template) -> Self {
        Self { ledger, answers, text }
    }

    /// Whether `reply` asks for help.
    pub(super) fn is_asked(&self, reply: &Reply) -> bool {
        self.ledger.asks_for_help(reply)
    }

    /// Answers a text that asks for help, at most once for this event.
    pub(super) async fn answer(&self, event: &Event, reply: &Reply) -> Result<(), HandlerError> {
        let audience = if self.ledger.is_open(&event.endpoint) {
            Audience::WhoWantsTexts
        } else {
            Audience::WhoeverAsks
        };
        let automatic = Automatic { rule: CLAIM, template: &self.text, audience };
        self.answers.answer(event, reply, automatic).await
    }
}

impl fmt::Debug for HelpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HelpAnswer").field("text", &self.text).finish_non_exhaustive()
    }
}
