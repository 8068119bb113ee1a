//! The last line of an origin-bound one-time code (WICG, *Origin-bound one-time codes delivered via SMS*).

use crate::code::Code;

/// A last line as the format has it: `@host #code`, or `@host #code @embedded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OriginBound<'a> {
    pub(super) host: &'a str,
    pub(super) code: &'a str,
    pub(super) embedded: Option<&'a str>,
}

/// What the end of a text is to a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending<'a> {
    /// Nothing looks like an origin-bound code.
    Plain,
    /// The last line binds the code; `body` is everything before it.
    Bound { body: &'a str, line: OriginBound<'a> },
    /// Such a line is there, and something follows it: a line break is enough.
    NotLast,
    /// It was meant, and is written otherwise.
    Malformed,
}

/// Reads the end of `text`. A carriage return breaks lines as well: the format normalises them first.
pub(super) fn ending(text: &str) -> Ending<'_> {
    let start = text.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let (body, last) = text.split_at(start);
    if let Some(line) = OriginBound::parse(last) {
        return Ending::Bound { body, line };
    }
    if last.starts_with('@') {
        return Ending::Malformed;
    }
    if body.split(['\n', '\r']).any(|line| OriginBound::parse(line).is_some()) {
        return Ending::NotLast;
    }
    match mentions_one(text) {
        true => Ending::Malformed,
        false => Ending::Plain,
    }
}

impl<'a> OriginBound<'a> {
    /// Browsers ignore what follows behind the code and take any code; what we send is exactly this, with a
    /// code of 4 to 8 digits. Whether the hosts are hosts is not looked at.
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split(' ');
        let host = marked(fields.next()?, '@')?;
        let code = marked(fields.next()?, '#')?;
        let embedded = match fields.next() {
            Some(field) => Some(marked(field, '@')?),
            None => None,
        };
        (fields.next().is_none() && is_code(code)).then_some(Self { host, code, embedded })
    }
}

fn marked(field: &str, mark: char) -> Option<&str> {
    // Only ASCII whitespace ends a token for browsers; a no-break space makes a host that is none.
    let is_blank = |c: char| c.is_ascii_whitespace();
    field.strip_prefix(mark).filter(|token| !token.is_empty() && !token.contains(is_blank))
}

/// Whether `digits` are a code as it is written: 4 to 8 ASCII digits, and nothing to forgive.
pub(super) fn is_code(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit()) && Code::parse(digits).is_ok()
}

/// `@something #something` anywhere.
fn mentions_one(text: &str) -> bool {
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if marked(word, '@').is_some() && words.peek().is_some_and(|next| marked(next, '#').is_some()) {
            return true;
        }
    }
    false
}

/// Whether `text` is a bare host name as of RFC 1123, in lower case: no scheme, port, path, blank or final dot.
///
/// Browsers compare it with the page's host, which is lower case and in its ASCII form (`xn--…`).
#[must_use]
pub fn is_bare_host(text: &str) -> bool {
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_host_and_the_code() {
        for (text, body, embedded) in [
            ("@app.example.com #482174", "", None),
            ("482174 is your code.\n@app.example.com #482174", "482174 is your code.\n", None),
            ("482174\r\n\r\n@app.example.com #482174", "482174\r\n\r\n", None),
            ("482174\r@app.example.com #482174 @pay.example", "482174\r", Some("pay.example")),
        ] {
            let line = OriginBound { host: "app.example.com", code: "482174", embedded };
            assert_eq!(ending(text), Ending::Bound { body, line }, "{text:?}");
        }
    }

    #[test]
    fn nothing_may_follow_the_last_line() {
        for after in ["\n", "\r\n", "\n\n", "\nThank you", "\n "] {
            let text = format!("482174\n@app.example.com #482174{after}");
            assert_eq!(ending(&text), Ending::NotLast, "{after:?}");
        }
    }

    #[test]
    fn anything_else_that_looks_like_one_is_malformed() {
        for line in [
            "@app.example.com",
            "@app.example.com ",
            "@ #482174",
            "@app.example.com #",
            "@app.example.com#482174",
            "@app.example.com  #482174",
            "@app.example.com\t#482174",
            "@app.example.com #482174 ",
            "@app.example.com #482174.",
            "@app.example.com #482174 %pay.example",
            "@app.example.com #482174 @",
            "@app.example.com #482174 @pay.example @x.example",
            "@app.example.com #482 174",
            "@app.example.com #123",
            "@app.example.com #123456789",
            "@app.example.com #４８２１７４",
            "@app.example.com code #482174",
            "something @app.example.com #482174",
            " @app.example.com #482174",
        ] {
            assert_eq!(ending(&format!("482174\n{line}")), Ending::Malformed, "{line:?}");
        }
        for text in ["", "482174 is your code.", "#482174 @app.example.com", "me@example.com #1"] {
            assert_eq!(ending(text), Ending::Plain, "{text:?}");
        }
    }

    #[test]
    fn a_bare_host_is_a_name_and_nothing_else() {
        for host in ["app.example.com", "localhost", "xn--bcher-kva.example", "a-b.1.nz"] {
            assert!(is_bare_host(host), "{host}");
        }
        let long = format!("{}.nz", "a".repeat(64));
        for host in [
            "",
            ".",
            "app.example.com.",
            ".example.com",
            "a..b",
            "-a.nz",
            "a-.nz",
            "App.example.com",
            "a.nz:443",
            "a.nz/",
            "https://a.nz",
            "bücher.example",
            "a b.nz",
            "a_b.nz",
            "a.nz\n",
            long.as_str(),
        ] {
            assert!(!is_bare_host(host), "{host}");
        }
    }
}
