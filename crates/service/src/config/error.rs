//! What can be wrong with a configuration.

use std::io;

use crate::exit::one_line;

/// A configuration that cannot be used. Each message is one line: what, where, and what to do. None holds
/// the value of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A configuration file, or a file that holds a secret, cannot be read.
    #[error("{what}: {path} cannot be read: {source}")]
    Unreadable {
        /// What it was read for.
        what: String,
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{path}, line {line}, column {column}: {problem}")]
    Syntax {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// The parser's words, without the source line.
        problem: String,
    },
    /// A key or section that this version does not know.
    #[error("unknown key `{key}` in {section} ({place}): known keys are {known}")]
    UnknownKey {
        /// As written.
        key: String,
        /// Where it stands.
        section: String,
        /// The file or variable.
        place: String,
        /// What may stand there.
        known: String,
    },
    /// A variable that begins like ours and sets nothing.
    #[error("{variable} sets nothing: {hint}")]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// What was probably meant.
        hint: String,
    },
    /// A value that cannot be used.
    #[error("{key} ({place}): {problem}")]
    Invalid {
        /// The setting.
        key: String,
        /// The file or variable.
        place: String,
        /// What it must be.
        problem: String,
    },
    /// A setting that has no default and is needed.
    #[error("{key} is not set: {remedy}")]
    Missing {
        /// The setting.
        key: String,
        /// How to set it.
        remedy: String,
    },
    /// A setting that this version cannot follow, though its meaning is known.
    #[error("{key} ({place}): {problem}")]
    Unsupported {
        /// The setting.
        key: String,
        /// The file or variable.
        place: String,
        /// What is not supported, and what is.
        problem: String,
    },
    /// Two settings of which only one may be set.
    #[error("{first} and {second} are both set: keep one")]
    Conflict {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
}

impl ConfigError {
    /// A value that cannot be used: `key (place): problem`.
    pub fn invalid(key: impl Into<String>, place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), place: place.into(), problem: problem.into() }
    }

    pub(super) fn unsupported(key: String, place: String, problem: impl Into<String>) -> Self {
        Self::Unsupported { key, place, problem: problem.into() }
    }

    /// The parser's message names keys and what it expected, never a value; its source line is left out.
    pub(super) fn syntax(path: &str, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        Self::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|character| *character != '\n').count() + 1,
            problem: one_line(error.message()),
        }
    }
}
