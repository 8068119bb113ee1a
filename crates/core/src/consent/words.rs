//! What a text says about consent: whole messages that are one word, and sentences that somebody has to read.

use std::collections::HashMap;

use crate::folded::folded;

const OUT: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const IN: [&str; 3] = ["START", "UNSTOP", "YES"];
const HELP: [&str; 2] = ["HELP", "INFO"];

/// More words of one kind than anybody advertises.
const WORDS_AT_MOST: usize = 64;
/// The longest word with generous punctuation is far shorter; a longer text is not one word.
const MESSAGE_BYTES: usize = 64;
/// How much of a longer text is looked at for a word.
const LOOKED_AT_CHARS: usize = 1_000;

/// What a text says about consent, and the word that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// No more texts.
    Out(&'a str),
    /// Texts again.
    In(&'a str),
    /// Who are you, and how do I stop this?
    Help(&'a str),
    /// A word for opting out in a longer text: somebody has to read it.
    Unclear(&'a str),
}

/// The words that count. The usual ones always do: no configuration can take STOP away.
#[derive(Clone, Debug)]
pub struct Keywords(HashMap<String, Meaning>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Out,
    In,
    Help,
}

/// Words beside the usual ones.
#[derive(Clone, Debug, Default)]
pub struct KeywordSettings {
    /// For opting out, beside STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE and OPTOUT.
    pub out: Vec<String>,
    /// For opting in, beside START, UNSTOP and YES.
    pub opt_in: Vec<String>,
    /// For help, beside HELP and INFO.
    pub help: Vec<String>,
}

impl Keywords {
    /// Takes words beside the usual ones.
    ///
    /// # Errors
    /// [`KeywordError`] for what is no word, for a word with two meanings, and for more than 64 of a kind.
    pub fn new(settings: &KeywordSettings) -> Result<Self, KeywordError> {
        let mut words = HashMap::new();
        let usual: [(&[&str], Meaning); 3] =
            [(&OUT, Meaning::Out), (&IN, Meaning::In), (&HELP, Meaning::Help)];
        for (usual, meaning) in usual {
            words.extend(usual.iter().map(|word| (one_word(word), meaning)));
        }
        let more =
            [(&settings.out, Meaning::Out), (&settings.opt_in, Meaning::In), (&settings.help, Meaning::Help)];
        for (more, meaning) in more {
            if more.len() > WORDS_AT_MOST {
                return Err(KeywordError::TooMany);
            }
            for word in more {
                let plain = one_word(word);
                if plain.is_empty() || plain.chars().any(|c| !c.is_alphanumeric()) {
                    return Err(KeywordError::NoWord { word: word.clone() });
                }
                if *words.entry(plain).or_insert(meaning) != meaning {
                    return Err(KeywordError::TwoMeanings { word: word.clone() });
                }
            }
        }
        Ok(Self(words))
    }

    /// What a text says.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Said<'_>> {
        match self.0.get_key_value(one_word(text).as_str()) {
            Some((word, Meaning::Out)) => Some(Said::Out(word)),
            Some((word, Meaning::In)) => Some(Said::In(word)),
            Some((word, Meaning::Help)) => Some(Said::Help(word)),
            None => self.unclear(text).map(Said::Unclear),
        }
    }

    /// A word for opting out as one or two words of a longer text: `stop`, `opt out`, `opt-out`.
    fn unclear(&self, text: &str) -> Option<&str> {
        let beginning: String = text.chars().take(LOOKED_AT_CHARS).collect();
        let folded = folded(&beginning);
        let words = || folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let is_out = |word: &str| match self.0.get_key_value(word) {
            Some((word, Meaning::Out)) => Some(word.as_str()),
            _ => None,
        };
        let pairs = words().zip(words().skip(1)).map(|(one, next)| [one, next].concat());
        words().find_map(is_out).or_else(|| pairs.into_iter().find_map(|pair| is_out(&pair)))
    }
}

impl Default for Keywords {
    fn default() -> Self {
        let words = |words: &[&str], meaning| {
            words.iter().map(move |word| (one_word(word), meaning)).collect::<Vec<_>>()
        };
        let all = [words(&OUT, Meaning::Out), words(&IN, Meaning::In), words(&HELP, Meaning::Help)];
        Self(all.into_iter().flatten().collect())
    }
}

/// Words that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeywordError {
    /// Nothing that could be a whole message.
    #[error("{word:?} is no word: letters and digits, at most 64 bytes")]
    NoWord {
        /// As it was written.
        word: String,
    },
    /// One word for two things.
    #[error("{word:?} has another meaning already")]
    TwoMeanings {
        /// As it was written.
        word: String,
    },
    /// Too many of a kind.
    #[error("there may be at most 64 words of a kind")]
    TooMany,
}

/// The whole message, as people write one word: NFKC, trimmed, without outer punctuation, case-folded, without inner
/// spaces and hyphens (`opt-out`, `STOP ALL`).
fn one_word(text: &str) -> String {
    if text.len() > MESSAGE_BYTES {
        return String::new();
    }
    folded(text)
        .trim_matches(|c: char| !c.is_alphanumeric())
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect()
}

/// Whether a text is this word and nothing else. The word is one that [`Keywords::read`] has found.
pub(super) fn is_just(text: &str, word: &str) -> bool {
    one_word(text) == word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_in_any_dress_is_a_statement() {
        let words = Keywords::default();
        for text in [
            "STOP",
            " stop ",
            "Stop.",
            "«STOP!»",
            "ＳＴＯＰ",
            "STOP ALL",
            "opt-out",
            "Quit",
            "\"cancel\"",
            "revoke",
        ] {
            assert!(matches!(words.read(text), Some(Said::Out(_))), "{text:?}");
        }
        for text in ["START", "unstop", "Yes!"] {
            assert!(matches!(words.read(text), Some(Said::In(_))), "{text:?}");
        }
        for text in ["HELP", "info?"] {
            assert!(matches!(words.read(text), Some(Said::Help(_))), "{text:?}");
        }
    }

    #[test]
    fn a_sentence_with_a_word_for_opting_out_is_for_somebody_to_read() {
        let words = Keywords::default();
        for (text, word) in [
            ("please stop texting me", "stop"),
            ("Please UNSUBSCRIBE me from this list, thanks", "unsubscribe"),
            ("I want to opt out", "optout"),
            ("opt-out please", "optout"),
            ("START not STOP", "stop"),
            ("don't stop", "stop"),
            ("ｓｔｏｐ it!", "stop"),
        ] {
            assert_eq!(words.read(text), Some(Said::Unclear(word)), "{text:?}");
        }
        assert_eq!(
            words.read(&"stop ".repeat(40)),
            Some(Said::Unclear("stop")),
            "a long text is no one word"
        );
    }

    #[test]
    fn anything_else_says_nothing() {
        let words = Keywords::default();
        for text in [
            "stopped",
            "nonstop",
            "yes please",
            "",
            "…",
            "HOURS",
            "st0p",
            "the weekend",
            "start again",
            "help me",
        ] {
            assert_eq!(words.read(text), None, "{text:?}");
        }
        let late = format!("{} stop", "a".repeat(LOOKED_AT_CHARS));
        assert_eq!(words.read(&late), None, "of a long text only the beginning is looked at");
    }

    #[test]
    fn words_of_ones_own_join_the_usual_ones() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let settings =
            KeywordSettings {
                out: list(&["KĀTI", "stop"]), opt_in: list(&["ĀE"]), help: list(&["Āwhina"])
            };
        let words = Keywords::new(&settings).unwrap();
        assert_eq!(words.read("kāti!"), Some(Said::Out("kāti")));
        assert_eq!(words.read("āe"), Some(Said::In("āe")));
        assert_eq!(words.read("ĀWHINA"), Some(Said::Help("āwhina")));
        assert_eq!(words.read("kāti koa"), Some(Said::Unclear("kāti")));
        assert!(matches!(words.read("STOP"), Some(Said::Out(_))));

        let refused = |settings: &KeywordSettings| Keywords::new(settings).unwrap_err();
        let out = |words: &[&str]| KeywordSettings { out: list(words), ..KeywordSettings::default() };
        assert_eq!(refused(&out(&["yes"])), KeywordError::TwoMeanings { word: "yes".into() });
        assert_eq!(refused(&out(&["!"])), KeywordError::NoWord { word: "!".into() });
        assert_eq!(refused(&out(&["a,b"])), KeywordError::NoWord { word: "a,b".into() });
        assert_eq!(refused(&out(&["a"; 65])), KeywordError::TooMany);
    }
}
