//! Searching for canaries.

use test_support::Process;

use super::secrets::Canary;

/// Somewhere to search.
pub(super) struct Place {
    name: String,
    text: String,
}

impl Place {
    pub(super) fn new(name: impl Into<String>, text: String) -> Self {
        Self { name: name.into(), text }
    }

    /// All that a process has written.
    pub(super) fn log((name, process): &(&'static str, Process)) -> Self {
        let text = format!("{}\n{}", process.stdout(), process.stderr());
        Self::new(format!("the output of {name}"), text)
    }

    /// Lines of MONITOR, as they are and with their escapes undone.
    pub(super) fn monitor(name: &str, lines: &[String]) -> Self {
        let mut text = lines.join("\n");
        for line in lines {
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(&unescaped(line)));
        }
        Self::new(name, text)
    }
}

pub(super) fn assert_present<'a>(place: &Place, canaries: impl IntoIterator<Item = &'a Canary>) {
    for canary in canaries {
        let found = canary.spellings.iter().any(|spelling| place.text.contains(spelling));
        assert!(found, "the search is broken: {} is not in {}", canary.what, place.name);
    }
}

pub(super) fn assert_absent<'a>(place: &Place, canaries: impl IntoIterator<Item = &'a Canary>) {
    for canary in canaries {
        for spelling in &canary.spellings {
            if let Some(line) = place.text.lines().find(|line| line.contains(spelling)) {
                panic!("{} is in {}: {line}", canary.what, place.name);
            }
            // A spelling with a line break in it, or none at all.
            assert!(!place.text.contains(spelling), "{} is in {}", canary.what, place.name);
        }
    }
}

/// Undoes what MONITOR does to bytes: `\xHH`, `\n`, `\"` and the like.
fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = line.bytes();
    let mut plain = Vec::with_capacity(line.len());
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { None };
        plain.push(match escaped {
            None => byte,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'a') => 7,
            Some(b'b') => 8,
            Some(b'x') => {
                let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                u8::from_str_radix(digits, 16).unwrap_or_default()
            }
            Some(other) => other,
        });
    }
    plain
}

#[test]
fn escapes_of_monitor_are_undone() {
    assert_eq!(unescaped(r#""SET" "\x34\\8\"\n""#), b"\"SET\" \"4\\8\"\n\"");
    let place = Place::monitor("MONITOR", &[r#"1.2 [0 lua] "SET" "\x0190210417""#.to_owned()]);
    assert_present(&place, [&Canary::new("a code", "90210417")]);
    let hidden = Place::monitor("MONITOR", &[r#""\x39\x30\x32\x31\x30\x34\x31\x37""#.to_owned()]);
    assert_present(&hidden, [&Canary::new("a code", "90210417")]);
}

#[test]
#[should_panic(expected = "a code is in MONITOR")]
fn what_is_there_is_found() {
    let place = Place::monitor("MONITOR", &["x90210417x".to_owned()]);
    assert_absent(&place, [&Canary::new("a code", "90210417")]);
}
