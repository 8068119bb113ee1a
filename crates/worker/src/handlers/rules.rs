//! Rules: automatic replies and forwards.

pub(super) mod answers;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use textproof::{
    event::{Content, Event, Reply},
    rule::Rules,
};

pub use answers::{AnswerRoutes, Answers};

use self::answers::{Audience, Automatic};
use super::HelpAnswer;
use crate::{Handler, HandlerError};

/// Hands an event to a place that has a name. Sending twice must be harmless: the event's id is the key.
#[async_trait]
pub trait Forward: Send + Sync {
    /// Sends the event there.
    ///
    /// # Errors
    /// [`HandlerError`] when it did not arrive.
    async fn send(&self, name: &str, event: &Event) -> Result<(), HandlerError>;
}

/// Does what the first rule that matches says. It runs after consent, so that a STOP is known before the text that
/// says it is looked at, and it never swallows an event.
pub struct ApplyRules {
    rules: Rules,
    answers: Option<Answers>,
    forward: Option<Arc<dyn Forward>>,
    help: Option<HelpAnswer>,
}

impl ApplyRules {
    /// Applies these rules; `answers` and `forward` are asked for where a rule replies or forwards.
    ///
    /// # Errors
    /// [`RulesError`] when a rule needs what is not there.
    pub fn new(
        rules: Rules,
        answers: Option<Answers>,
        forward: Option<Arc<dyn Forward>>,
    ) -> Result<Self, RulesError> {
        let named = |rule: &textproof::rule::Rule| rule.name().to_owned();
        if answers.is_none()
            && let Some(rule) = rules.iter().find(|rule| rule.reply().is_some())
        {
            return Err(RulesError::NoAnswers { rule: named(rule) });
        }
        if forward.is_none()
            && let Some(rule) = rules.iter().find(|rule| !rule.forward().is_empty())
        {
            return Err(RulesError::NoForwards { rule: named(rule) });
        }
        Ok(Self { rules, answers, forward, help: None })
    }

    /// Answers HELP, too: then no rule does, and forwards happen all the same.
    #[must_use]
    pub fn with_help(self, help: HelpAnswer) -> Self {
        Self { help: Some(help), ..self }
    }

    /// The answer to HELP, where this is what the event asks for and somebody answers it.
    fn help_for<'a>(&self, event: &'a Event) -> Option<(&HelpAnswer, &'a Reply)> {
        let Content::Reply(reply) = &event.content else { return None };
        self.help.as_ref().filter(|help| help.is_asked(reply)).zip(Some(reply))
    }
}

#[async_trait]
impl Handler for ApplyRules {
    fn name(&self) -> &'static str {
        "rules"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let mut done = Ok(());
        let help = self.help_for(event);
        if let Some((help, reply)) = help {
            done = help.answer(event, reply).await;
        }
        let Some(rule) = self.rules.first_for(event) else {
            return done;
        };
        if let (None, Some(answers), Some(template), Content::Reply(reply)) =
            (help, &self.answers, rule.reply(), &event.content)
        {
            let audience = Audience::WhoWantsTexts;
            done = answers.answer(event, reply, Automatic { rule: rule.name(), template, audience }).await;
        }
        // One action that fails does not keep the others from happening: each is safe to repeat.
        for name in rule.forward() {
            if let Some(forward) = &self.forward {
                done = done.and(forward.send(name, event).await);
            }
        }
        done
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
    /// Nothing to forward with.
    #[error("the rule {rule:?} forwards: this version has no forwards")]
    NoForwards {
        /// Its name.
        rule: String,
    },
}

impl RulesError {
    /// The name of the rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        match self {
            Self::NoAnswers { rule } | Self::NoForwards { rule } => rule,
        }
    }
}
