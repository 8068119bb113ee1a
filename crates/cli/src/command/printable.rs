//! Bytes of a stranger on an operator's terminal: nothing in them may move the cursor or turn the text around.

use std::fmt::Write;

/// The lines of a body. What is not UTF-8 is `\xNN`, what does not print is `\u{…}`.
pub(super) fn printable(bytes: &[u8]) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => lines.push(String::new()),
                '"' | '\'' => text.push(c),
                c => text.extend(c.escape_debug()),
            }
            add(&mut lines, &mut text);
        }
        for byte in chunk.invalid() {
            // Writing into memory cannot fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
        add(&mut lines, &mut text);
    }
    lines
}

/// The same for text that is one line, and may have been through here before.
pub(crate) fn one_line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => safe.push(c),
            c => safe.extend(c.escape_debug()),
        }
    }
    safe
}

fn add(lines: &mut [String], text: &mut String) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
    text.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_stays_as_it_is_the_second_time() {
        let safe = one_line("it's \"1\"\n\u{1b}[2J \u{202e}x C:\\");
        assert_eq!(safe, "it's \"1\"\\n\\u{1b}[2J \\u{202e}x C:\\");
        assert_eq!(one_line(&safe), safe);
    }

    #[test]
    fn what_does_not_print_is_written_out() {
        for (bytes, lines) in [
            (&b"{\"a\":\"it's\"}"[..], vec!["{\"a\":\"it's\"}"]),
            (b"a\r\nb\n", vec!["a\\r", "b", ""]),
            (b"\x1b[2J\x07\0\x7f", vec!["\\u{1b}[2J\\u{7}\\0\\u{7f}"]),
            (
                "kia ora, Māori \u{202e}x\u{200b}\u{2028}".as_bytes(),
                vec!["kia ora, Māori \\u{202e}x\\u{200b}\\u{2028}"],
            ),
            (b"\xff\xc3(", vec!["\\xff\\xc3("]),
            (b"\\n", vec!["\\\\n"]),
            (b"", vec![""]),
        ] {
            assert_eq!(printable(bytes), lines);
        }
    }
}
