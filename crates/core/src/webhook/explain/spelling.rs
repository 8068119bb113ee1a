//! The spellings in which libraries write the same JSON.

use serde_json::Value;

/// What stands between the parts, and which characters are escaped though they need not be.
#[derive(Clone, Copy)]
struct Spelling {
    comma: &'static str,
    colon: &'static str,
    ascii: bool,
    slashes: bool,
}

const COMPACT: Spelling = Spelling { comma: ",", colon: ":", ascii: false, slashes: false };
const SPACED: Spelling = Spelling { comma: ", ", colon: ": ", ..COMPACT };

/// The value as it stands and with its keys sorted, in every spelling; each with its name.
pub(super) fn spellings(value: &Value, sorted: &Value) -> Vec<(&'static str, String)> {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    vec![
        ("without blanks", COMPACT.write(value)),
        ("with a blank after commas and colons", SPACED.write(value)),
        ("in lines, indented by two", pretty(value)),
        ("in lines, indented by two, with a line feed at its end", pretty(value) + "\n"),
        ("without blanks, in ASCII", Spelling { ascii: true, ..COMPACT }.write(value)),
        ("with a blank after commas and colons, in ASCII", Spelling { ascii: true, ..SPACED }.write(value)),
        ("without blanks, with its slashes escaped", Spelling { slashes: true, ..COMPACT }.write(value)),
        (
            "without blanks, in ASCII, with its slashes escaped",
            Spelling { ascii: true, slashes: true, ..COMPACT }.write(value),
        ),
        ("with its keys sorted, without blanks", COMPACT.write(sorted)),
        ("with its keys sorted, with a blank after commas and colons", SPACED.write(sorted)),
        ("with its keys sorted, in lines, indented by two", pretty(sorted)),
    ]
}

impl Spelling {
    fn write(self, value: &Value) -> String {
        let mut text = String::new();
        self.append(value, &mut text);
        text
    }

    /// As deep as the parser that read the value has allowed.
    fn append(self, value: &Value, text: &mut String) {
        match value {
            Value::Object(fields) => {
                text.push('{');
                for (at, (key, value)) in fields.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { self.comma });
                    self.append_text(key, text);
                    text.push_str(self.colon);
                    self.append(value, text);
                }
                text.push('}');
            }
            Value::Array(values) => {
                text.push('[');
                for (at, value) in values.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { self.comma });
                    self.append(value, text);
                }
                text.push(']');
            }
            Value::String(string) => self.append_text(string, text),
            other => text.push_str(&other.to_string()),
        }
    }

    fn append_text(self, string: &str, text: &mut String) {
        for character in Value::from(string).to_string().chars() {
            match character {
                '/' if self.slashes => text.push_str("\\/"),
                character if self.ascii && !character.is_ascii() => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        text.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                character => text.push(character),
            }
        }
    }
}
