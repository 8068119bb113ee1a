//! Automatic replies: who gets one, through which gateway, and what is known of it afterwards.

use std::{collections::HashMap, fmt, sync::Arc};

use jiff::{Timestamp, Unit};
use textproof::{
    consent::ConsentLedger,
    event::{Event, Reply},
    gateway::{Certainty, Gateway, GatewayError, MessageClass, TextMessage},
    phone::PhoneNumber,
    reply::{Asked, AutomaticReplies, OwnNumbers, ReplyPermit, answerable},
    rule::{Template, Values},
    store::{ReplyClaim, ReplyEnd},
};

use crate::HandlerError;

/// Which gateway an answer goes through: that of the endpoint the text came to, else the first one.
#[derive(Clone)]
pub struct AnswerRoutes {
    first: Arc<dyn Gateway>,
    by_endpoint: HashMap<String, Arc<dyn Gateway>>,
}

impl AnswerRoutes {
    /// `first` for all endpoints that have no gateway of their own.
    #[must_use]
    pub fn new(first: Arc<dyn Gateway>, by_endpoint: HashMap<String, Arc<dyn Gateway>>) -> Self {
        Self { first, by_endpoint }
    }

    fn gateway(&self, endpoint: &str) -> &dyn Gateway {
        self.by_endpoint.get(endpoint).unwrap_or(&self.first).as_ref()
    }
}

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

/// What became of an automatic reply.
#[derive(Clone, Copy)]
enum Outcome {
    Sent,
    /// Known from an earlier delivery of this event.
    Before,
    /// May have been sent; never again.
    Unknown,
    /// Certainly not sent, and it would be refused again.
    Refused,
    /// Certainly not sent; to be tried again.
    NotSent,
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
        let (outcome, result) = match self.try_to(event, reply, automatic).await? {
            (Outcome::NotSent, Some(error)) => (Outcome::NotSent, Err(HandlerError::new(error.to_string()))),
            (outcome, error) => {
                if let Some(error) = error {
                    tracing::warn!(event = %event.id, rule, %error, "the gateway did not take an automatic reply");
                }
                (outcome, Ok(()))
            }
        };
        match outcome {
            Outcome::Before => {}
            Outcome::Unknown => {
                tracing::warn!(
                    event = %event.id, rule,
                    "an automatic reply may have been sent, and nobody knows; it is not sent again"
                );
            }
            outcome => tracing::info!(event = %event.id, rule, outcome = outcome.as_str(), "automatic reply"),
        }
        metrics::counter!("textproof_worker_replies_total", "outcome" => outcome.as_str()).increment(1);
        result
    }

    async fn try_to(
        &self,
        event: &Event,
        reply: &Reply,
        Automatic { rule, template, audience }: Automatic<'_>,
    ) -> Result<(Outcome, Option<GatewayError>), HandlerError> {
        let Some(to) = answerable(reply) else { return Ok((Outcome::NoPhone, None)) };
        if self.own_numbers.sent(reply) {
            return Ok((Outcome::OwnNumber, None));
        }
        if audience == Audience::WhoWantsTexts
            && self.ledger.opted_out(&event.tenant, &reply.from, Some(&reply.to)).await?
        {
            return Ok((Outcome::OptedOut, None));
        }
        let body = filled(template, reply);
        if body.trim().is_empty() {
            return Ok((Outcome::NothingToSay, None));
        }
        match self.replies.ask(event, reply, rule).await? {
            Asked::Granted(permit) => self.send(event, &to, &body, permit).await,
            Asked::Refused(ReplyClaim::Sent) => Ok((Outcome::Before, None)),
            // Counted by whoever is told so first.
            Asked::Refused(ReplyClaim::Unknown { first: false }) => Ok((Outcome::Before, None)),
            Asked::Refused(ReplyClaim::TooMany { .. }) => Ok((Outcome::TooMany, None)),
            Asked::Refused(_) => Ok((Outcome::Unknown, None)),
        }
    }

    async fn send(
        &self,
        event: &Event,
        to: &PhoneNumber,
        body: &str,
        permit: ReplyPermit,
    ) -> Result<(Outcome, Option<GatewayError>), HandlerError> {
        let message =
            TextMessage { to, body, reference: Some(event.id.as_str()), class: MessageClass::Transactional };
        match self.routes.gateway(&event.endpoint).send_text(&message).await {
            Ok(_) => {
                permit.ended(ReplyEnd::Sent).await?;
                Ok((Outcome::Sent, None))
            }
            Err(error) if error.certainty() == Certainty::Unknown => {
                permit.ended(ReplyEnd::Unknown).await?;
                Ok((Outcome::Unknown, Some(error)))
            }
            Err(error) => {
                permit.not_sent().await?;
                Ok((if is_final(&error) { Outcome::Refused } else { Outcome::NotSent }, Some(error)))
            }
        }
    }
}

/// Whether the gateway would say the same again, whatever an operator or time does.
fn is_final(error: &GatewayError) -> bool {
    match error {
        GatewayError::InvalidNumber { .. } | GatewayError::Unsupported { .. } => true,
        GatewayError::Rejected { status, .. } => *status != 503,
        _ => false,
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
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Before => "before",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
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
