//! `[[rule]]`: what is done with a text, by what it says.

use textproof::rule::{MatchSettings, Rule, RuleError, RuleSettings, Rules};

use super::raw::RawRule;
use super::schema::{FORWARDS, RULES};
use super::{Config, ConfigError};
use crate::exit::one_line;

impl Config {
    /// All rules, in the order of the file.
    ///
    /// # Errors
    /// [`ConfigError`] for a rule without a name, a match or an action, for two of one name, for one that names
    /// a forward that is not there, and for all that [`Rule::new`] refuses.
    pub fn rules(&self) -> Result<Rules, ConfigError> {
        let mut rules = Vec::new();
        for (number, raw) in (1..).zip(&self.raw.rule) {
            let name = raw.name.clone().ok_or_else(|| ConfigError::Missing {
                key: format!("the name of [[{RULES}]] number {number}"),
                remedy: format!("set it in {}: logs and claims of replies name the rule by it", self.file),
            })?;
            let rule = Rule::new(settings(raw)).map_err(|error| self.refused_rule(&name, &error))?;
            if let Some(unknown) = rule.forward().iter().find(|name| !self.has_forward(name)) {
                let path = rule_path(&name, ".forward");
                let problem = format!("there is no [[{FORWARDS}]] with the name {unknown:?}");
                return Err(ConfigError::invalid(path, &self.file, problem));
            }
            rules.push(rule);
            Rules::new(rules.clone()).map_err(|error| self.refused_rule(&name, &error))?;
        }
        Rules::new(rules).map_err(|error| ConfigError::invalid(RULES, &self.file, error.to_string()))
    }

    /// Our numbers and short codes, which are never answered.
    #[must_use]
    pub fn own_numbers(&self) -> &[String] {
        &self.raw.worker.own_numbers
    }

    /// Name and dialect of each endpoint.
    pub fn endpoint_dialects(&self) -> impl Iterator<Item = (&str, &str)> {
        self.raw.endpoint.iter().filter_map(|raw| Some((raw.name.as_deref()?, raw.dialect.as_deref()?)))
    }

    /// What is wrong with the rule of this name, as a mistake of the configuration.
    pub fn refused_rule(&self, name: &str, error: &(dyn std::error::Error + 'static)) -> ConfigError {
        let key = match error.downcast_ref() {
            Some(RuleError::Name | RuleError::NameTwice) => ".name",
            Some(RuleError::Pattern(_)) => ".match",
            Some(RuleError::Template(_)) => ".reply",
            Some(RuleError::Forwards) => ".forward",
            _ => "",
        };
        ConfigError::invalid(rule_path(name, key), &self.file, one_line(&error.to_string()))
    }
}

/// How messages call a rule, or with `.key` behind it a key of it; a name that is refused may have line breaks.
fn rule_path(name: &str, key: &str) -> String {
    format!("{RULES}.{}{key}", name.escape_debug())
}

fn settings(raw: &RawRule) -> RuleSettings {
    let pattern = raw.r#match.as_ref().map(|raw| MatchSettings {
        exact: raw.exact.clone(),
        contains: raw.contains.clone(),
        regex: raw.regex.clone(),
        any: raw.any,
        from: raw.from.clone(),
    });
    RuleSettings {
        name: raw.name.clone().unwrap_or_default(),
        pattern: pattern.unwrap_or_default(),
        reply: raw.reply.clone(),
        forward: raw.forward.clone(),
    }
}
