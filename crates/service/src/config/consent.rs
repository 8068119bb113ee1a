//! `[consent]`: which words count, what HELP is answered with, and which endpoints nobody vouches for.

use textproof::consent::{KeywordError, KeywordSettings, Keywords};
use textproof::rule::Template;

use super::{Config, ConfigError};
use crate::exit::one_line;

/// What the handling of STOP, START and HELP is built from.
#[derive(Debug)]
pub struct ConsentSettings {
    /// The usual words and the configured ones.
    pub keywords: Keywords,
    /// What HELP is answered with; absent: by no one, unless a rule does.
    pub help_text: Option<Template>,
    /// Names of the endpoints that say `insecure = true`.
    pub open_endpoints: Vec<String>,
}

impl Config {
    /// The settings of consent.
    ///
    /// # Errors
    /// [`ConfigError`] for a word that is none or has two meanings, and a help text that is no template.
    pub fn consent(&self) -> Result<ConsentSettings, ConfigError> {
        let raw = &self.raw.consent;
        let words = KeywordSettings {
            out: raw.out_words.clone(),
            opt_in: raw.in_words.clone(),
            help: raw.help_words.clone(),
        };
        let keywords = Keywords::new(&words).map_err(|error| {
            self.invalid("consent", at_fault(&words, &error), one_line(&error.to_string()))
        })?;
        let help_text = raw.help_text.as_deref().map(Template::parse).transpose();
        let help_text =
            help_text.map_err(|error| self.invalid("consent", "help_text", one_line(&error.to_string())))?;
        let open = self.raw.endpoint.iter().filter(|endpoint| endpoint.insecure);
        let open_endpoints = open.filter_map(|endpoint| endpoint.name.clone()).collect();
        Ok(ConsentSettings { keywords, help_text, open_endpoints })
    }

    /// Whether codes that people ask for are sent after a STOP.
    pub(super) fn codes_after_stop(&self) -> bool {
        self.raw.consent.codes_after_stop
    }

    /// All tenants of the configuration: that of the codes, and those of the endpoints.
    #[must_use]
    pub fn tenants(&self) -> Vec<String> {
        let mut tenants = vec![self.raw.otp.tenant.clone()];
        tenants.extend(self.raw.endpoint.iter().map(|endpoint| endpoint.tenant.clone()));
        tenants.sort();
        tenants.dedup();
        tenants
    }

    /// The tenant of codes and texts.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.raw.otp.tenant
    }
}

/// The key that holds the word that cannot be meant. Of one with two meanings the later list is at fault.
fn at_fault(words: &KeywordSettings, error: &KeywordError) -> &'static str {
    let lists = [("help_words", &words.help), ("in_words", &words.opt_in), ("out_words", &words.out)];
    let is_at_fault = |list: &Vec<String>| match error {
        KeywordError::NoWord { word } | KeywordError::TwoMeanings { word } => list.contains(word),
        _ => list.len() > 64,
    };
    lists.into_iter().find(|(_, list)| is_at_fault(list)).map_or("out_words", |(key, _)| key)
}
