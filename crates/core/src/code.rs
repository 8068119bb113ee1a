//! One-time codes as a type: digits only, wiped on drop, never printed.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The longest input that is looked at, in bytes: eight full-width digits with separators fit.
const MAX_INPUT_BYTES: usize = 64;

/// A one-time code of 4 to 8 ASCII digits.
///
/// It has no `Display`, and `Debug` hides the digits; [`Code::expose`] reads them.
#[derive(Clone)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// Reads a code as a person typed it: spaces, hyphens and full-width digits are forgiven, nothing else
    /// is, other scripts' and decorated digits included.
    ///
    /// # Errors
    /// [`MalformedCode`] for anything but 4 to 8 digits.
    pub fn parse(input: &str) -> Result<Self, MalformedCode> {
        if input.len() > MAX_INPUT_BYTES {
            return Err(MalformedCode);
        }
        let digits = input.chars().filter(|c| !is_separator(*c)).map(|c| match c {
            '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10).unwrap_or(c),
            other => other,
        });
        let digits = Zeroizing::new(digits.collect::<String>());
        if !(4..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MalformedCode);
        }
        Ok(Self(digits))
    }

    /// Renders `number` with leading zeros; `number` must be below 10^`length`.
    pub(crate) fn from_number(number: u64, length: usize) -> Self {
        debug_assert!(number < 10u64.pow(u32::try_from(length).unwrap_or(8)));
        Self(Zeroizing::new(format!("{number:0length$}")))
    }

    /// The digits. Never log them.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Blanks (plain, no-break, thin no-break, full-width) and hyphens (plain, Unicode, no-break).
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{3000}' | '-' | '\u{2010}' | '\u{2011}')
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(hidden)")
    }
}

/// The input is not a code of 4 to 8 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is 4 to 8 digits")]
pub struct MalformedCode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_spellings_are_forgiven() {
        for input in ["482174", " 482174 ", "482 174", "482-174", "４８２１７４", "482\u{a0}174"] {
            assert_eq!(Code::parse(input).unwrap().expose(), "482174", "{input:?}");
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        let long = "1".repeat(1_000_000);
        for input in [
            "",
            " ",
            "123",
            "123456789",
            "12345a",
            "null",
            "٤٨٢١٧٤",
            "𝟒𝟖𝟐𝟏𝟕𝟒",
            "④⑧②①⑦④",
            "⁴⁸²¹⁷⁴",
            "482\n174",
            "482174\0",
            "+482174",
            long.as_str(),
        ] {
            assert_eq!(Code::parse(input), Err(MalformedCode));
        }
    }

    #[test]
    fn a_code_never_prints_its_digits() {
        assert!(!format!("{:?}", Code::parse("482174").unwrap()).contains("482"));
    }
}
