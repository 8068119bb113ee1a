//! Tables for people, one JSON object for machines.

use std::io::{self, Write};

use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;

use crate::command::printable::one_line;

/// Prints rows under headings.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    line(&laid_out(headings, rows))
}

fn laid_out<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(headings.map(str::to_uppercase));
    for row in rows {
        table.add_row(row.map(|cell| one_line(&cell)));
    }
    table.trim_fmt()
}

/// The narrowest column of names, so that the shortest answers line up with each other.
const NAMES: usize = 22;

/// Prints names and values, or the same as one JSON object. A list has a line for each of its elements.
pub(crate) fn facts(json: bool, facts: &[(&str, Value)]) -> io::Result<()> {
    if json {
        let object: serde_json::Map<_, _> =
            facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        return line(&Value::Object(object).to_string());
    }
    let width = facts.iter().map(|(name, _)| name.len()).fold(NAMES, usize::max);
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_null()) {
        let mut name = name.replace('_', " ");
        for text in texts(value) {
            line(&format!("{:<width$} {text}", std::mem::take(&mut name)))?;
        }
    }
    Ok(())
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(elements) if elements.is_empty() => vec!["none".to_owned()],
        Value::Array(elements) => elements.iter().map(text).collect(),
        value => vec![text(value)],
    }
}

/// `purpose login, guesses_left 4`: words instead of JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields.map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Prints one line. A reader that has gone away (`| head`) is an error, not a panic.
pub(crate) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_strangers_chose_can_do_nothing_to_a_terminal() {
        let (stranger, safe) = ("a\u{1b}[2J\nb", "a\\u{1b}[2J\\nb");
        assert!(laid_out(["name"], [[stranger.to_owned()]]).contains(safe));
        for (value, shown) in [
            (json!(stranger), safe.to_owned()),
            (json!([stranger]), safe.to_owned()),
            (json!({ "name": stranger }), format!("name {safe}")),
        ] {
            assert_eq!(texts(&value), [shown]);
        }
    }
}
