//! Rules: what an operator wants done with a text, by what it says. In order, the first match wins.
//!
//! Everything here is bounded when it is built: patterns compile into automata of a limited size that look at each
//! character a limited number of times, and templates are cut into pieces once.

mod pattern;
mod template;

pub use pattern::{MatchSettings, Pattern, PatternError};
pub use template::{Template, TemplateError, Values};

use crate::event::{Content, Event};

/// More rules than anybody reads; each one is tried on each text.
const MAX_RULES: usize = 64;
const MAX_NAME_BYTES: usize = 64;
const MAX_FORWARDS: usize = 16;

/// What one rule is built from.
#[derive(Clone, Debug, Default)]
pub struct RuleSettings {
    /// 1 to 64 letters, digits, spaces, `-`, `_` and `.`: it stands in Redis keys and in logs.
    pub name: String,
    /// Which texts.
    pub pattern: MatchSettings,
    /// A template, see [`Template`]; absent: no automatic reply.
    pub reply: Option<String>,
    /// Names of forwards.
    pub forward: Vec<String>,
}

/// Which texts, and what is done with them.
#[derive(Clone, Debug)]
pub struct Rule {
    name: String,
    pattern: Pattern,
    reply: Option<Template>,
    forward: Vec<String>,
}

impl Rule {
    /// Builds a rule.
    ///
    /// # Errors
    /// [`RuleError`] for what cannot be meant, or could be too much work.
    pub fn new(settings: RuleSettings) -> Result<Self, RuleError> {
        let RuleSettings { name, pattern, reply, forward } = settings;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_' | b'.');
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(RuleError::Name);
        }
        if reply.is_none() && forward.is_empty() {
            return Err(RuleError::NoAction);
        }
        let named_twice = |(i, name): (usize, &String)| forward[..i].contains(name);
        if forward.len() > MAX_FORWARDS || forward.iter().enumerate().any(named_twice) {
            return Err(RuleError::Forwards);
        }
        let reply = reply.map(|text| Template::parse(&text)).transpose()?;
        Ok(Self { name, pattern: Pattern::new(pattern)?, reply, forward })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the automatic reply says.
    #[must_use]
    pub fn reply(&self) -> Option<&Template> {
        self.reply.as_ref()
    }

    /// Where matching events are forwarded to.
    #[must_use]
    pub fn forward(&self) -> &[String] {
        &self.forward
    }

    /// A report has no text and nobody to answer: it is for rules that forward everything.
    fn matches(&self, content: &Content) -> bool {
        match content {
            Content::Reply(reply) => self.pattern.matches(&reply.from, &reply.text),
            Content::DeliveryReport(_) => self.pattern.is_everything() && !self.forward.is_empty(),
            _ => false,
        }
    }
}

/// All rules, in order.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Takes at most 64 rules with names that differ.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        if rules.len() > MAX_RULES {
            return Err(RuleError::TooMany);
        }
        let named_twice = |(i, rule): (usize, &Rule)| rules[..i].iter().any(|other| other.name == rule.name);
        if rules.iter().enumerate().any(named_twice) {
            return Err(RuleError::NameTwice);
        }
        Ok(Self(rules))
    }

    /// The first rule that matches.
    #[must_use]
    pub fn first_for(&self, event: &Event) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.matches(&event.content))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A rule that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Its name.
    #[error("a rule's name is 1 to 64 letters, digits, spaces, -, _ and .")]
    Name,
    /// Nothing would be done.
    #[error("a rule needs a reply, a forward or both")]
    NoAction,
    /// Its forwards.
    #[error("a rule names at most 16 forwards, each of them once")]
    Forwards,
    /// What it matches.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// What it says.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Too many rules.
    #[error("there may be at most 64 rules")]
    TooMany,
    /// Two rules have one name.
    #[error("two rules have this name")]
    NameTwice,
}

#[cfg(test)]
mod tests;
