//! Rules: automatic replies and forwards; and forwards of every event, which need no rule.

mod answers;
mod forwarding;

use std::fmt;

use async_trait::async_trait;
use textproof::{
    event::{Content, Event},
    rule::{Rule, Rules},
};

pub use answers::{AnswerRoutes, Answers};
pub use forwarding::{Forward, Forwarding};

use crate::{Handler, HandlerError};

/// Does what the first rule that matches says. It runs after consent, so that a STOP is known before the text that
/// says it is looked at, and it never swallows an event.
pub struct ApplyRules {
    rules: Rules,
    answers: Option<Answers>,
    forwarding: Option<Forwarding>,
}

impl ApplyRules {
    /// Applies these rules; `answers` and `forwarding` are asked for where a rule replies or forwards.
    ///
    /// # Errors
    /// [`RulesError`] when a rule needs what is not there.
    pub fn new(
        rules: Rules,
        answers: Option<Answers>,
        forwarding: Option<Forwarding>,
    ) -> Result<Self, RulesError> {
        if answers.is_none()
            && let Some(rule) = rules.iter().find(|rule| rule.reply().is_some())
        {
            return Err(RulesError::NoAnswers { rule: rule.name().to_owned() });
        }
        let known = |name: &str| forwarding.as_ref().is_some_and(|forwarding| forwarding.knows(name));
        for rule in rules.iter() {
            if let Some(unknown) = rule.forward().iter().find(|name| !known(name)) {
                let (rule, forward) = (rule.name().to_owned(), unknown.clone());
                return Err(RulesError::NoForward { rule, forward });
            }
        }
        Ok(Self { rules, answers, forwarding })
    }

    /// The reply that a rule asks for, if this event can have one.
    fn reply<'a>(
        &'a self,
        event: &'a Event,
        rule: &'a Rule,
    ) -> Option<impl Future<Output = Result<(), HandlerError>> + 'a> {
        let (Some(answers), Some(template), Content::Reply(reply)) =
            (&self.answers, rule.reply(), &event.content)
        else {
            return None;
        };
        Some(answers.answer(event, reply, rule.name(), template))
    }
}

#[async_trait]
impl Handler for ApplyRules {
    fn name(&self) -> &'static str {
        "rules"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let rule = self.rules.first_for(event);
        let reply = rule.and_then(|rule| self.reply(event, rule));
        // One action that fails does not keep the others from happening: each is safe to repeat.
        match (&self.forwarding, reply) {
            (Some(forwarding), reply) => forwarding.send(event, rule.map_or(&[], Rule::forward), reply).await,
            (None, Some(reply)) => reply.await,
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for ApplyRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplyRules").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// A rule needs what is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Nothing to reply with.
    #[error("the rule {rule:?} replies, and there is no gateway")]
    NoAnswers {
        /// Its name.
        rule: String,
    },
    /// Nobody to forward to.
    #[error("there is no [[forward]] of the name {forward:?}")]
    NoForward {
        /// Its name.
        rule: String,
        /// What it names.
        forward: String,
    },
}

impl RulesError {
    /// The name of the rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        match self {
            Self::NoAnswers { rule } | Self::NoForward { rule, .. } => rule,
        }
    }
}
