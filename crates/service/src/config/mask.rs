//! Showing a configuration without its secrets.

use toml::{Table, Value};

use super::schema::{Key, Kind, LISTS, SECTIONS};

const MASK: &str = "***";

/// A copy without secrets. What the schema does not know is masked: when in doubt, not shown.
pub(super) fn table(all: &Table) -> Table {
    let masked = all.iter().map(|(name, value)| {
        let section = SECTIONS.iter().find(|section| section.name == name);
        let list = LISTS.iter().find(|list| list.name == name);
        let kind = match (section, list) {
            (Some(section), _) => Kind::Table(section.keys),
            (None, Some(list)) => Kind::Tables(list.keys),
            (None, None) => Kind::Secret,
        };
        (name.clone(), masked(value, kind))
    });
    masked.collect()
}

fn masked(value: &Value, kind: Kind) -> Value {
    match (kind, value) {
        (Kind::Text | Kind::Time | Kind::Number | Kind::Flag | Kind::Texts, value) => value.clone(),
        (Kind::Address, Value::String(address)) => Value::String(self::address(address)),
        (Kind::Target, Value::String(target)) => Value::String(self::target(target)),
        (Kind::Table(keys), Value::Table(table)) => Value::Table(inner(table, keys)),
        (Kind::Tables(_), Value::Array(tables)) => {
            Value::Array(tables.iter().map(|table| masked(table, element(kind))).collect())
        }
        _ => Value::String(MASK.to_owned()),
    }
}

fn element(kind: Kind) -> Kind {
    match kind {
        Kind::Tables(keys) => Kind::Table(keys),
        other => other,
    }
}

fn inner(table: &Table, keys: &[Key]) -> Table {
    let kind = |name: &str| keys.iter().find(|key| key.name == name).map_or(Kind::Secret, |key| key.kind);
    table.iter().map(|(name, value)| (name.clone(), masked(value, kind(name)))).collect()
}

/// An address without its password: `redis://user:***@host`. The last `@` ends the user's part, so that a
/// password that should have been escaped is not shown either.
fn address(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let Some((user, host)) = rest.rsplit_once('@') else {
        return text.to_owned();
    };
    let separator = if scheme.is_empty() { "" } else { "://" };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}{separator}{name}:{MASK}@{host}"),
        None => format!("{scheme}{separator}{MASK}@{host}"),
    }
}

/// Scheme, host and port of a URL: path and query may be all that a receiver asks for. Nothing of what is no URL.
fn target(text: &str) -> String {
    let server = text.split_once("://").and_then(|(scheme, rest)| {
        let server = rest.split(['/', '?', '#', '\\']).next().filter(|server| !server.contains('@'))?;
        Some(format!("{scheme}://{server}/{MASK}"))
    });
    server.unwrap_or_else(|| MASK.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_a_target_only_the_server_is_shown() {
        for (target, shown) in [
            ("https://crm.example.com/hooks/canary?key=canary", "https://crm.example.com/***"),
            ("https://crm.example.com:8443", "https://crm.example.com:8443/***"),
            ("https://crm.example.com?canary", "https://crm.example.com/***"),
            ("https:\\\\crm.example.com\\canary", "***"),
            ("https://crm.example.com\\canary", "https://crm.example.com/***"),
            ("https://user:canary@crm.example.com/x", "***"),
            ("canary", "***"),
        ] {
            assert_eq!(super::target(target), shown);
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (address, shown) in [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("redis://:hunter2@redis:6379", "redis://:***@redis:6379"),
            ("rediss://user:hun@ter:2@redis", "rediss://user:***@redis"),
            ("redis://hunter2@redis", "redis://***@redis"),
            ("hunter2@redis", "***@redis"),
            ("memory:", "memory:"),
        ] {
            assert_eq!(super::address(address), shown);
        }
    }
}
