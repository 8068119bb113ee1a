//! What there is to say about a text.

use std::fmt;

use unicode_normalization::char::is_combining_mark;

use super::{
    hidden::{is_bidi_control, is_line_break_or_control, is_zero_width},
    segments::Encoding,
};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; nothing need be changed.
    Note,
    /// It works and costs more, or does not work everywhere.
    Warning,
    /// Phones or browsers will not find the code, or people are put at risk.
    Error,
}

impl Severity {
    /// The word for logs, tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing about a text. `Display` explains it to people; neither that nor any field holds the code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// No group of 4 to 8 digits.
    NoCode,
    /// Other digits stand before the code, in the company's name for example.
    NumberBeforeCode,
    /// Several different groups of 4 to 8 digits, and no origin-bound line that says which one is the code.
    SeveralCodes,
    /// No origin-bound last line.
    NotOriginBound,
    /// Something follows the origin-bound line, if only a line break.
    OriginBoundNotLast,
    /// An origin-bound line was meant and is written otherwise.
    OriginBoundMalformed,
    /// A host of the origin-bound line is none, as of [`is_bare_host`](super::is_bare_host).
    OriginBoundHost,
    /// The code of the origin-bound line is not the one that people read.
    OriginBoundCodeDiffers,
    /// A link outside the origin-bound line.
    Link,
    /// A control character other than the line feed.
    ControlCharacter,
    /// A bidirectional embedding, override or isolate.
    BidiControl,
    /// A character without width.
    ZeroWidth,
    /// More than one message is billed.
    SeveralParts {
        /// How many.
        parts: u32,
    },
    /// Long vowels of te reo Māori, which the GSM alphabet lacks.
    Macrons {
        /// Which ones, at most eight.
        characters: Vec<char>,
    },
    /// Other characters that the GSM alphabet lacks.
    OutsideGsm {
        /// The first of them, at most eight; empty when they are digits of another script, which could be
        /// the code.
        characters: Vec<char>,
    },
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::NotOriginBound | Self::Macrons { .. } | Self::OutsideGsm { .. } => Severity::Note,
            Self::SeveralCodes | Self::ZeroWidth | Self::SeveralParts { .. } => Severity::Warning,
            Self::NoCode
            | Self::NumberBeforeCode
            | Self::OriginBoundNotLast
            | Self::OriginBoundMalformed
            | Self::OriginBoundHost
            | Self::OriginBoundCodeDiffers
            | Self::Link
            | Self::ControlCharacter
            | Self::BidiControl => Severity::Error,
        }
    }

    /// The word for logs and JSON. It stays what it is.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoCode => "no_code",
            Self::NumberBeforeCode => "number_before_code",
            Self::SeveralCodes => "several_codes",
            Self::NotOriginBound => "not_origin_bound",
            Self::OriginBoundNotLast => "origin_bound_not_last",
            Self::OriginBoundMalformed => "origin_bound_malformed",
            Self::OriginBoundHost => "origin_bound_host",
            Self::OriginBoundCodeDiffers => "origin_bound_code_differs",
            Self::Link => "link",
            Self::ControlCharacter => "control_character",
            Self::BidiControl => "bidi_control",
            Self::ZeroWidth => "zero_width",
            Self::SeveralParts { .. } => "several_parts",
            Self::Macrons { .. } => "macrons",
            Self::OutsideGsm { .. } => "outside_gsm",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gsm7, ucs2) = (Encoding::Gsm7.units_alone(), Encoding::Ucs2.units_alone());
        f.write_str(match self {
            Self::NoCode => "there is no code in it: 4 to 8 digits in a row",
            Self::NumberBeforeCode => {
                "a number stands before the code; phones offer the first one they see: put the code first"
            }
            Self::SeveralCodes => {
                "several numbers could be the code; keep the others shorter, or add the line `@host #code` at the end"
            }
            Self::NotOriginBound => {
                "it does not end with `@host #code`, so browsers cannot keep the code from a look-alike site"
            }
            Self::OriginBoundNotLast => {
                "something follows the line `@host #code`, and a line break is enough: browsers look at the last line only"
            }
            Self::OriginBoundMalformed => {
                "the origin-bound line must be `@host #code` on a line of its own: one space, 4 to 8 digits, nothing before or after"
            }
            Self::OriginBoundHost => {
                "the origin-bound line must name a bare host in lower case: no scheme, port or path"
            }
            Self::OriginBoundCodeDiffers => {
                "the code in the last line is not in the text above it: people and browsers would enter different ones"
            }
            Self::Link => "there is a link in it: people who are sent codes must never be asked to tap one",
            Self::ControlCharacter => {
                "there is a control character in it (a tab or a carriage return is one): lines end with a plain line feed"
            }
            Self::BidiControl => {
                "there is an invisible character that turns the reading direction: people may see another code or host"
            }
            Self::ZeroWidth => "there is a character without width: people cannot see it, and phones may stop at it",
            Self::SeveralParts { parts } => {
                return write!(f, "it takes {parts} messages, and each of them is billed");
            }
            Self::Macrons { characters } => {
                return write!(
                    f,
                    "{} is correct spelling and stays; the text is sent as UCS-2 for it, with {ucs2} instead of {gsm7} characters in one message",
                    Named(characters),
                );
            }
            Self::OutsideGsm { characters } if characters.is_empty() => {
                return write!(
                    f,
                    "digits of another script are not in the GSM alphabet: the text is sent as UCS-2, with {ucs2} instead of {gsm7} characters in one message",
                );
            }
            Self::OutsideGsm { characters } => {
                return write!(
                    f,
                    "{} is not in the GSM alphabet: the text is sent as UCS-2, with {ucs2} instead of {gsm7} characters in one message",
                    Named(characters),
                );
            }
        })
    }
}

/// Characters as people can read them: `ā ē`; what cannot be seen alone by its code point.
struct Named<'a>(&'a [char]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, c) in self.0.iter().copied().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            let unseen = c.is_whitespace()
                || is_combining_mark(c)
                || is_line_break_or_control(c)
                || is_bidi_control(c)
                || is_zero_width(c);
            match unseen {
                true => write!(f, "U+{:04X}", u32::from(c))?,
                false => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macrons_are_explained_and_never_blamed() {
        let macrons = Finding::Macrons { characters: vec!['ā', '\u{304}'] };
        assert_eq!(macrons.severity(), Severity::Note);
        assert_eq!(
            macrons.to_string(),
            "ā U+0304 is correct spelling and stays; the text is sent as UCS-2 for it, with 70 instead of 160 characters in one message"
        );
    }

    #[test]
    fn what_cannot_be_seen_is_not_printed() {
        let hidden = Finding::OutsideGsm { characters: vec!['\u{202e}', '\u{1b}', '\u{a0}', '–'] };
        assert!(hidden.to_string().starts_with("U+202E U+001B U+00A0 – is not"), "{hidden}");
    }

    #[test]
    fn the_worst_comes_last_in_order() {
        assert!(Severity::Note < Severity::Warning && Severity::Warning < Severity::Error);
    }
}
