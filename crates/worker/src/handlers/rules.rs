//! Rules: automatic replies and forwards; and forwards of every event, which need no rule.

pub(super) mod answers;
mod forwarding;
mod routes;

use std::{fmt, pin::Pin};

use async_trait::async_trait;
use textproof::{
    event::{Content, Event},
    rule::{Rule, Rules},
};

pub use answers::Answers;
pub use forwarding::{Forward, Forwarding};
pub use routes::AnswerRoutes;

use self::answers::{Audience, Automatic};
use super::HelpAnswer;
use crate::{Handler, HandlerError};

/// A reply on its way.
type Acting<'a> = Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send + 'a>>;

/// Does what the first rule that matches says. It runs after consent, so that a STOP is known before the text that
/// says it is looked at, and it never swallows an event.
pub struct ApplyRules {
    rules: Rules,
    answers: Option<Answers>,
    forwarding: Option<Forwarding>,
    help: Option<HelpAnswer>,
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
        Ok(Self { rules, answers, forwarding, help: None })
    }

    /// Answers HELP, too: then no rule does, and forwards happen all the same.
    #[must_use]
    pub fn with_help(self, help: HelpAnswer) -> Self {
        Self { help: Some(help), ..self }
    }

    /// The answer to HELP where that is asked for and somebody answers it, else the reply of a rule.
    fn reply<'a>(&'a self, event: &'a Event, rule: Option<&'a Rule>) -> Option<Acting<'a>> {
        let Content::Reply(reply) = &event.content else { return None };
        if let Some(help) = self.help.as_ref().filter(|help| help.is_asked(reply)) {
            return Some(Box::pin(help.answer(event, reply)));
        }
        let (answers, rule) = (self.answers.as_ref()?, rule?);
        let audience = Audience::WhoWantsTexts;
        let automatic = Automatic { rule: rule.name(), template: rule.reply()?, audience };
        Some(Box::pin(answers.answer(event, reply, automatic)))
    }
}

#[async_trait]
impl Handler for ApplyRules {
    fn name(&self) -> &'static str {
        "rules"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let rule = self.rules.first_for(event);
        let reply = self.reply(event, rule);
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
