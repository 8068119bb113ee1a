//! What an automatic reply says.

use std::str::FromStr;

/// The longest text that every gateway takes, in characters.
const MAX_CHARS: usize = 1_600;

/// A text with `{{names}}` in it, cut into pieces when it is built. Values are put in once and never looked at
/// again: a person who texts `{{from}}` gets `{{from}}` back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Value(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    From,
    Text,
    Ref,
    Now,
    Tenant,
    Device,
}

/// What the names stand for; an absent value is nothing. It has no `Debug`: it holds what a person wrote.
#[derive(Clone, Copy, Default)]
pub struct Values<'a> {
    /// `{{from}}`: the sender.
    pub from: &'a str,
    /// `{{text}}`: what the sender wrote.
    pub text: &'a str,
    /// `{{ref}}`: our reference, where the gateway echoes it.
    pub reference: &'a str,
    /// `{{now}}`: the time.
    pub now: &'a str,
    /// `{{tenantName}}`: as the gateway calls the account.
    pub tenant_name: &'a str,
    /// `{{deviceId}}`: the phone that is the gateway.
    pub device_id: &'a str,
}

impl Template {
    /// Cuts a text into its pieces.
    ///
    /// # Errors
    /// [`TemplateError`] for an unknown name, a `{{` without its `}}`, and a text that is empty or too long.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.trim().is_empty() || text.chars().count() > MAX_CHARS {
            return Err(TemplateError::Length);
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, name)) = rest.split_once("{{") {
            let (name, after) = name.split_once("}}").ok_or(TemplateError::Unclosed)?;
            if !before.is_empty() {
                pieces.push(Piece::Words(before.to_owned()));
            }
            pieces.push(Piece::Value(name.parse()?));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The text with its values, cut to 1,600 characters. Control characters of values are left out.
    #[must_use]
    pub fn fill(&self, values: &Values<'_>) -> String {
        let mut text = String::new();
        let mut room = MAX_CHARS;
        for piece in &self.0 {
            let (piece, ours) = match piece {
                Piece::Words(words) => (words.as_str(), true),
                Piece::Value(name) => (name.of(values), false),
            };
            let kept = piece.chars().filter(|c| ours || *c == '\n' || !c.is_control()).take(room);
            for c in kept {
                text.push(c);
                room -= 1;
            }
        }
        text
    }
}

impl Name {
    fn of<'a>(self, values: &Values<'a>) -> &'a str {
        match self {
            Self::From => values.from,
            Self::Text => values.text,
            Self::Ref => values.reference,
            Self::Now => values.now,
            Self::Tenant => values.tenant_name,
            Self::Device => values.device_id,
        }
    }
}

impl FromStr for Name {
    type Err = TemplateError;

    fn from_str(name: &str) -> Result<Self, TemplateError> {
        Ok(match name {
            "from" => Self::From,
            "text" => Self::Text,
            "ref" => Self::Ref,
            "now" => Self::Now,
            "tenantName" => Self::Tenant,
            "deviceId" => Self::Device,
            _ => return Err(TemplateError::UnknownName { name: name.chars().take(32).collect() }),
        })
    }
}

/// What cannot be a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Nothing to say, or too much.
    #[error("a reply has 1 to 1600 characters, and not only spaces")]
    Length,
    /// `{{` without `}}`.
    #[error("the reply has a {{{{ without its }}}}")]
    Unclosed,
    /// A name that stands for nothing.
    #[error(
        "the reply has the unknown name {name:?}: known are from, text, ref, now, tenantName, deviceId, \
         written as {{{{from}}}}"
    )]
    UnknownName {
        /// As written, cut to 32 characters.
        name: String,
    },
}
