//! Holding values against the schema before anything is made of them.

use toml::{Table, Value};

use super::ConfigError;
use super::schema::{Key, Kind, names};

/// Refuses unknown keys and values of the wrong kind; turns TOML's own dates into text. `section` is how
/// messages call the table, `place` the file or variable it comes from.
pub(super) fn table(table: &mut Table, keys: &[Key], section: &str, place: &str) -> Result<(), ConfigError> {
    for (name, value) in table.iter_mut() {
        let key = keys.iter().find(|key| key.name == name).ok_or_else(|| ConfigError::UnknownKey {
            key: name.clone(),
            section: section.to_owned(),
            place: place.to_owned(),
            known: names(keys),
        })?;
        self::value(value, key.kind, &format!("{section} {name}"), place)?;
    }
    Ok(())
}

/// The same for one value.
pub(super) fn value(value: &mut Value, kind: Kind, name: &str, place: &str) -> Result<(), ConfigError> {
    let fits = match (kind, &mut *value) {
        (Kind::Text | Kind::Address | Kind::Target | Kind::Secret | Kind::Time, Value::String(_)) => true,
        (Kind::Time, Value::Datetime(time)) => {
            *value = Value::String(time.to_string());
            true
        }
        (Kind::Number, Value::Integer(number)) => *number >= 0,
        (Kind::Flag, Value::Boolean(_)) => true,
        (Kind::Texts, Value::Array(texts)) => texts.iter().all(Value::is_str),
        (Kind::Table(keys), Value::Table(inner)) => {
            table(inner, keys, name, place)?;
            true
        }
        (Kind::Tables(keys), Value::Array(tables)) => {
            let mut all = true;
            for inner in tables {
                match inner {
                    Value::Table(inner) => table(inner, keys, name, place)?,
                    _ => all = false,
                }
            }
            all
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(ConfigError::invalid(name, place, expected(kind))) }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Address | Kind::Target | Kind::Secret => "must be a text in quotes",
        Kind::Time => "must be a time such as \"2026-12-01T00:00:00Z\"",
        Kind::Number => "must be a whole number, zero or more",
        Kind::Flag => "must be true or false",
        Kind::Texts => "must be a list of texts",
        Kind::Table(_) => "must be a table",
        Kind::Tables(_) => "must be a list of tables",
    }
}
