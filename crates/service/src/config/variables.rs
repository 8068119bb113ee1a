//! From environment variables to settings.

use std::collections::BTreeMap;

use toml::Value;

use super::layers::{FILE_VARIABLE, Layers, literal};
use super::schema::{Key, Kind, LISTS, RULES, SECTIONS, Section, entry_path, names, path, sibling, variable};
use super::{ConfigError, check};

const OURS: &str = "TEXTPROOF_";
/// Read by others: the choice of the file, the logs, the sandbox.
const NOT_SETTINGS: [&str; 2] = [FILE_VARIABLE, "TEXTPROOF_LOG_FORMAT"];
const SANDBOX_PREFIX: &str = "TEXTPROOF_SANDBOX_";

/// Puts every variable that is a setting over the file. Empty variables have been left out.
pub(super) fn apply(layers: &mut Layers, variables: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    let mut settings = Vec::new();
    for (name, text) in variables {
        let targets = targets(name);
        if targets.is_empty() {
            apply_other(layers, name, text)?;
        }
        let shared = targets.len() > 1;
        settings.extend(targets.into_iter().map(|(section, key)| Setting {
            shared,
            name,
            text,
            section,
            key,
        }));
    }
    // A variable that sets several keys gives way to one that sets a single key: it comes first.
    settings.sort_by_key(|setting| !setting.shared);
    let mut done = BTreeMap::new();
    for setting in &settings {
        setting.apply(layers, &mut done)?;
    }
    Ok(())
}

struct Setting<'a> {
    shared: bool,
    name: &'a str,
    text: &'a str,
    section: &'static Section,
    key: &'static Key,
}

impl<'a> Setting<'a> {
    /// `done`: which keys have been set by which variable.
    fn apply(
        &self,
        layers: &mut Layers,
        done: &mut BTreeMap<String, (&'a str, bool)>,
    ) -> Result<(), ConfigError> {
        let section = self.section.name;
        let value = parse(self.text, self.key, &path(section, self.key.name), self.name)?;
        let sibling = sibling(self.section.keys, self.key.name);
        for taken in [Some(self.key.name), sibling].into_iter().flatten() {
            if let Some((first, shared)) = done.get(&path(section, taken))
                && !shared
            {
                return Err(ConfigError::Conflict {
                    first: (*first).to_owned(),
                    second: self.name.to_owned(),
                });
            }
        }
        // The file may have named the secret's file where the environment gives the secret, or the reverse.
        if let Some(sibling) = sibling {
            layers.unset(section, sibling);
        }
        layers.set(section, self.key.name, value, self.name);
        done.insert(path(section, self.key.name), (self.name, self.shared));
        Ok(())
    }
}

fn targets(name: &str) -> Vec<(&'static Section, &'static Key)> {
    let keys = SECTIONS.iter().flat_map(|section| section.keys.iter().map(move |key| (section, key)));
    keys.filter(|(section, key)| key.variables.contains(&name) || variable(section.name, key.name) == name)
        .collect()
}

/// A variable of a list's table, somebody else's, or a mistake.
fn apply_other(layers: &mut Layers, name: &str, text: &str) -> Result<(), ConfigError> {
    if !name.starts_with(OURS) || name.starts_with(SANDBOX_PREFIX) || NOT_SETTINGS.contains(&name) {
        return Ok(());
    }
    let Some(list) = list_of(name) else { return Err(unknown(name)) };
    let mut found = None;
    let mut configured = Vec::new();
    for (entry, table) in layers.entries(list.name) {
        let prefix = format!("{}{}_", prefix(list), entry.to_uppercase().replace('-', "_"));
        let key = name.strip_prefix(&prefix).and_then(|rest| key_of(list, rest));
        configured.push(entry.clone());
        if let Some(key) = key {
            let value = parse(text, key, &entry_path(list.name, &entry, key.name), name)?;
            table.insert(key.name.to_owned(), value);
            let sibling = sibling(list.keys, key.name);
            // The file may have named the secret's file where the environment gives the secret, or the reverse.
            sibling.map(|sibling| table.remove(sibling));
            let sibling = sibling.map(|sibling| entry_path(list.name, &entry, sibling));
            found = Some((entry_path(list.name, &entry, key.name), sibling));
        }
    }
    let Some((path, sibling)) = found else { return Err(unknown_of_list(name, list, &configured)) };
    // Of a list's table, only variables are origins.
    if let Some(first) = sibling.and_then(|sibling| layers.origins.get(&sibling)) {
        return Err(ConfigError::Conflict { first: first.clone(), second: name.to_owned() });
    }
    layers.origins.insert(path, name.to_owned());
    Ok(())
}

/// The list that a variable is about. Rules have names that no variable can have.
fn list_of(variable: &str) -> Option<&'static Section> {
    LISTS.iter().filter(|list| list.name != RULES).find(|list| variable.starts_with(&prefix(list)))
}

fn prefix(list: &Section) -> String {
    format!("{OURS}{}_", list.name.to_uppercase())
}

fn key_of(list: &Section, rest: &str) -> Option<&'static Key> {
    settable(list).find(|key| key.name.to_uppercase() == rest)
}

/// The name is what the others are found by, and cannot change.
fn settable(list: &Section) -> impl Iterator<Item = &'static Key> {
    list.keys.iter().filter(|key| key.name != "name")
}

fn parse(text: &str, key: &Key, path: &str, name: &str) -> Result<Value, ConfigError> {
    let mut value = match (key.kind, literal(text)) {
        (Kind::Secret, _) => Value::String(text.to_owned()),
        (Kind::Text | Kind::Address | Kind::Target | Kind::Time, Some(value @ Value::String(_))) => value,
        (Kind::Text | Kind::Address | Kind::Target | Kind::Time, _) => Value::String(text.to_owned()),
        (Kind::Texts, Some(value @ Value::Array(_))) => value,
        (Kind::Texts, _) => {
            let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            Value::Array(texts.map(|text| Value::String(text.to_owned())).collect())
        }
        (_, Some(value)) => value,
        // Of the wrong kind for all that remain.
        (_, None) => Value::String(text.to_owned()),
    };
    check::value(&mut value, key.kind, path, name)?;
    Ok(value)
}

fn unknown(name: &str) -> ConfigError {
    let section = |section: &&Section| name.starts_with(&prefix(section));
    let hint = if let Some(section) = SECTIONS.iter().find(section) {
        format!("known keys of [{}] are {}", section.name, names(section.keys))
    } else {
        let sections = SECTIONS.iter().map(|section| section.name.to_uppercase()).collect::<Vec<_>>();
        format!("settings are called TEXTPROOF_<SECTION>_<KEY>, with the sections {}", sections.join(", "))
    };
    ConfigError::UnknownVariable { variable: name.to_owned(), hint }
}

fn unknown_of_list(name: &str, list: &Section, configured: &[String]) -> ConfigError {
    let configured = if configured.is_empty() { "none".to_owned() } else { configured.join(", ") };
    let keys: Vec<_> = settable(list).map(|key| key.name).collect();
    let hint = format!("{}s in the file are {configured}, their keys are {}", list.name, keys.join(", "));
    ConfigError::UnknownVariable { variable: name.to_owned(), hint }
}
