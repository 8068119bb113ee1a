//! Automatic replies: who gets one, and what is known of it afterwards.

use std::fmt;

use jiff::{Timestamp, Unit};
use textproof::{
    consent::ConsentLedger,
    event::{Event, Reply},
    gateway::{MessageClass, TextMessage},
    reply::{Asked, AutomaticReplies, OwnNumbers, answerable},
    rule::{Template, Values},
    store::{ReplyClaim, ReplyEnd},
};

use super::routes::{AnswerRoutes, Called};
use crate::HandlerError;

/// One automatic reply.
#[derive(Clone, Copy)]
pub(crate) struct Automatic<'a> {
    /// What it is claimed under.
    pub(crate) rule: &'a str,
    pub(crate) template: &'a Template,
    pub(crate) audience: Audience,
}

/// Who gets an automatic reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whoever has not opted out.
    WhoWantsTexts,
    /// Everybody who asks for it.
    WhoeverAsks,
}

/// Sends automatic replies.
pub struct Answers {
    replies: AutomaticReplies,
    ledger: ConsentLedger,
    own_numbers: OwnNumbers,
    routes: AnswerRoutes,
}

/// What became of an automatic reply. Errors name neither a number nor a text.
enum Outcome {
    Sent,
    /// Known from an earlier delivery of this event.
    Before,
    /// May have been sent; never again.
    Unknown(Option<String>),
    /// Certainly not sent, and it would be refused again.
    Refused(String),
    /// Certainly not sent; to be tried again.
    NotSent(HandlerError),
    OptedOut,
    OwnNumber,
    /// The sender is no phone.
    NoPhone,
    TooMany,
    NothingToSay,
}

impl Answers {
    /// Answers through `routes`, unless `ledger` or `own_numbers` say no.
    #[must_use]
    pub fn new(
        replies: AutomaticReplies,
        ledger: ConsentLedger,
        own_numbers: OwnNumbers,
        routes: AnswerRoutes,
    ) -> Self {
        Self { replies, ledger, own_numbers, routes }
    }

    /// Answers a text, at most once for this event and rule.
    pub(crate) async fn answer(
        &self,
        event: &Event,
        reply: &Reply,
        automatic: Automatic<'_>,
    ) -> Result<(), HandlerError> {
        let rule = automatic.rule;
        let outcome = self.try_to(event, reply, automatic).await?;
        let word = outcome.as_str();
        metrics::counter!("textproof_worker_replies_total", "outcome" => word).increment(1);
        match outcome {
            Outcome::NotSent(error) => return Err(error),
            Outcome::Unknown(error) => {
                let error = error.as_deref().unwrap_or("whoever claimed it did not say how it ended");
                tracing::warn!(
                    event = %event.id, rule, error,
                    "an automatic reply may have been sent, and nobody knows; it is not sent again"
                );
            }
            Outcome::Refused(error) => {
                tracing::warn!(event = %event.id, rule, error, "the gateway did not take an automatic reply");
            }
            Outcome::Before => {}
            _ => tracing::info!(event = %event.id, rule, outcome = word, "automatic reply"),
        }
        Ok(())
    }

    async fn try_to(
        &self,
        event: &Event,
        reply: &Reply,
        Automatic { rule, template, audience }: Automatic<'_>,
    ) -> Result<Outcome, HandlerError> {
        let Some(to) = answerable(reply) else { return Ok(Outcome::NoPhone) };
        if self.own_numbers.sent(reply) {
            return Ok(Outcome::OwnNumber);
        }
        let body = filled(template, reply);
        if body.trim().is_empty() {
            return Ok(Outcome::NothingToSay);
        }
        let permit = match self.replies.ask(event, reply, rule).await? {
            Asked::Granted(permit) => permit,
            Asked::Refused(ReplyClaim::TooMany) => return Ok(Outcome::TooMany),
            Asked::Refused(ReplyClaim::Unknown { first: true }) => return Ok(Outcome::Unknown(None)),
            // Counted by whoever was told so first.
            Asked::Refused(_) => return Ok(Outcome::Before),
        };
        // After the claim, so that what is decided now stays so when the event comes back.
        if audience == Audience::WhoWantsTexts {
            match self.ledger.opted_out(&event.tenant, &reply.from, Some(&reply.to)).await {
                Ok(false) => {}
                Ok(true) => {
                    permit.ended(ReplyEnd::NotOwed).await?;
                    return Ok(Outcome::OptedOut);
                }
                Err(error) => {
                    permit.not_sent().await?;
                    return Err(error.into());
                }
            }
        }
        let reference = Some(event.id.as_str());
        let message = TextMessage { to: &to, body: &body, reference, class: MessageClass::Transactional };
        match self.routes.send(&event.endpoint, &message).await {
            Called::Accepted => {
                permit.ended(ReplyEnd::Sent).await?;
                Ok(Outcome::Sent)
            }
            Called::Unknown(error) => {
                permit.ended(ReplyEnd::Unknown).await?;
                Ok(Outcome::Unknown(Some(error)))
            }
            Called::Refused(error) => {
                permit.ended(ReplyEnd::NotOwed).await?;
                Ok(Outcome::Refused(error))
            }
            Called::NotSent(error) => {
                permit.not_sent().await?;
                Ok(Outcome::NotSent(error))
            }
        }
    }
}

fn filled(template: &Template, reply: &Reply) -> String {
    let now = Timestamp::now();
    let now = now.round(Unit::Second).unwrap_or(now).to_string();
    let extra = |name: &str| reply.extra.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    template.fill(&Values {
        from: &reply.from,
        text: &reply.text,
        reference: reply.reference.as_deref().unwrap_or_default(),
        now: &now,
        tenant_name: extra("tenantName"),
        device_id: extra("deviceId"),
    })
}

impl Outcome {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Before => "before",
            Self::Unknown(_) => "unknown",
            Self::Refused(_) => "refused",
            Self::NotSent(_) => "not_sent",
            Self::OptedOut => "opted_out",
            Self::OwnNumber => "own_number",
            Self::NoPhone => "no_phone",
            Self::TooMany => "too_many",
            Self::NothingToSay => "nothing_to_say",
        }
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("own_numbers", &self.own_numbers).finish_non_exhaustive()
    }
}
