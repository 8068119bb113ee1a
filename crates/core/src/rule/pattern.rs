//! Which texts a rule is about.

use regex::{Regex, RegexBuilder};

use crate::folded::plain;

/// What may be written in a configuration, in characters.
const MAX_WORDS: usize = 1_600;
const MAX_EXPRESSION: usize = 512;
/// How much of a text is looked at, in characters: more than ten messages in one.
pub(crate) const LOOKED_AT: usize = 2_000;
/// Bytes that an expression may be compiled into. Each character of a text costs at most one look at each of its
/// states, so this and [`LOOKED_AT`] bound the work.
pub(crate) const COMPILED: usize = 256 * 1024;
/// Bytes of the cache of states that were met.
const CACHE: usize = 256 * 1024;
const NESTED: u32 = 32;

/// What a rule matches: exactly one of `exact`, `contains`, `regex` and `any`, and `from` beside it.
#[derive(Clone, Debug, Default)]
pub struct MatchSettings {
    /// The whole text.
    pub exact: Option<String>,
    /// A part of it.
    pub contains: Option<String>,
    /// An expression, found anywhere in it.
    pub regex: Option<String>,
    /// Every text.
    pub any: bool,
    /// An expression that is to be found in the sender as well.
    pub from: Option<String>,
}

/// [`MatchSettings`], checked and compiled.
///
/// Text and pattern are compared in one form: NFKC, without regard to case, trimmed, with one space wherever there
/// is space. Of a very long text the first 2,000 characters are looked at.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Text,
    from: Option<Regex>,
}

#[derive(Clone, Debug)]
enum Text {
    Exact(String),
    Contains(String),
    Regex(Regex),
    Any,
}

impl Pattern {
    /// Compiles it.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(settings: MatchSettings) -> Result<Self, PatternError> {
        let MatchSettings { exact, contains, regex, any, from } = settings;
        let text = match (exact, contains, regex, any) {
            (Some(words), None, None, false) => Text::Exact(self::words(&words)?),
            (None, Some(words), None, false) => Text::Contains(self::words(&words)?),
            (None, None, Some(expression), false) => Text::Regex(compiled(&expression)?),
            (None, None, None, true) => Text::Any,
            _ => return Err(PatternError::NotOne),
        };
        Ok(Self { text, from: from.as_deref().map(compiled).transpose()? })
    }

    /// Whether a text of this sender is meant.
    #[must_use]
    pub fn matches(&self, from: &str, text: &str) -> bool {
        self.from.as_ref().is_none_or(|expression| expression.is_match(from)) && self.text.matches(text)
    }

    /// Whether nothing is asked of text and sender.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self.text, Text::Any) && self.from.is_none()
    }
}

impl Text {
    fn matches(&self, text: &str) -> bool {
        let looked_at = || match text.char_indices().nth(LOOKED_AT) {
            Some((end, _)) => (plain(&text[..end]), false),
            None => (plain(text), true),
        };
        match self {
            Self::Exact(words) => looked_at() == (words.clone(), true),
            Self::Contains(words) => looked_at().0.contains(words),
            Self::Regex(expression) => expression.is_match(&looked_at().0),
            Self::Any => true,
        }
    }
}

fn words(text: &str) -> Result<String, PatternError> {
    let words = plain(text);
    if words.is_empty() || text.chars().count() > MAX_WORDS { Err(PatternError::Words) } else { Ok(words) }
}

fn compiled(expression: &str) -> Result<Regex, PatternError> {
    if expression.is_empty() || expression.chars().count() > MAX_EXPRESSION {
        return Err(PatternError::ExpressionLength);
    }
    let compiled = RegexBuilder::new(expression)
        .case_insensitive(true)
        .size_limit(COMPILED)
        .dfa_size_limit(CACHE)
        .nest_limit(NESTED)
        .build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::ExpressionSize,
        // The parser's message has several lines and repeats the expression; its last line says what is wrong.
        error => {
            let message = error.to_string();
            let problem = message.lines().last().unwrap_or_default();
            PatternError::Expression { problem: problem.trim_start_matches("error: ").to_owned() }
        }
    })
}

/// What cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// None or several ways to match.
    #[error("match needs exactly one of exact, contains, regex and any = true")]
    NotOne,
    /// Nothing that a text could say.
    #[error("exact and contains are 1 to 1600 characters, and not only spaces")]
    Words,
    /// No expression, or an endless one.
    #[error("an expression has 1 to 512 characters")]
    ExpressionLength,
    /// An expression that stands for too much.
    #[error("the expression is too large when compiled: use fewer or smaller repetitions")]
    ExpressionSize,
    /// No expression.
    #[error("the expression cannot be used: {problem}")]
    Expression {
        /// The parser's words.
        problem: String,
    },
}
