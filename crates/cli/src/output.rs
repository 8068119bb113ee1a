//! Tables for people, one JSON object for machines.

use std::io::{self, Write};

use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;

/// Prints rows under headings.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(headings.map(str::to_uppercase));
    for row in rows {
        table.add_row(row);
    }
    line(&table.trim_fmt())
}

/// Prints names and values, or the same as one JSON object.
pub(crate) fn facts(json: bool, facts: &[(&str, Value)]) -> io::Result<()> {
    if json {
        let object: serde_json::Map<_, _> =
            facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        return line(&Value::Object(object).to_string());
    }
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_null()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line(&format!("{:<22} {text}", name.replace('_', " ")))?;
    }
    Ok(())
}

/// Prints one line. A reader that has gone away (`| head`) is an error, not a panic.
pub(crate) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}
