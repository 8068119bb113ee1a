//! The fields of a payload, each taken once and bounded; what no one takes is kept as it is.

use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::NotUnderstood;
use crate::phone::PhoneNumber;

/// The longest message id, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The longest address: E.164 with punctuation, a short code or an alphanumeric sender.
const MAX_ADDRESS_BYTES: usize = 64;

/// The longest status word or timestamp, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// The longest reference: 64 characters of up to four bytes.
const MAX_REFERENCE_BYTES: usize = 256;

/// The longest text: more than twice the 1600 characters that a gateway sends, at four bytes each.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// A numeric timestamp above this is in milliseconds: as seconds it would be the year 5138, as
/// milliseconds it is 1973.
const MAX_SECONDS: u64 = 100_000_000_000;

/// A payload's fields. `null` counts as absent.
pub(super) struct Fields(Map<String, Value>);

/// A payload's own time.
pub(super) struct PayloadTime {
    /// As it was written; a number as its decimal string. Part of the identity.
    pub(super) as_written: Option<String>,
    /// Milliseconds since the Unix epoch, where it can be read as a time.
    pub(super) ms: Option<u64>,
}

impl Fields {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// What says which kind of payload it is.
    pub(super) fn type_name(&mut self, name: &'static str) -> Result<String, NotUnderstood> {
        match self.take(name) {
            Some(Value::String(type_name)) => Ok(type_name),
            Some(_) => Err(NotUnderstood::UnknownType),
            None => Err(NotUnderstood::MissingType),
        }
    }

    /// A message id: a string or an integer, which is its decimal string. An empty one is none.
    pub(super) fn message_id(&mut self, name: &'static str) -> Result<Option<String>, NotUnderstood> {
        self.label(name, MAX_ID_BYTES)
    }

    /// Who sent it: E.164 where it is an international number, with or without `+`, else as it was written.
    /// No country is ever assumed.
    pub(super) fn sender(&mut self, name: &'static str) -> Result<String, NotUnderstood> {
        let written = self.address(name)?;
        Ok(match PhoneNumber::parse_international(&written) {
            Ok(phone) => phone.e164().to_owned(),
            Err(_) => written,
        })
    }

    /// A number or a short code, as it was written.
    pub(super) fn address(&mut self, name: &'static str) -> Result<String, NotUnderstood> {
        self.label(name, MAX_ADDRESS_BYTES)?.ok_or(NotUnderstood::MissingField(name))
    }

    /// What a person wrote; it may be empty, but not absent.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, NotUnderstood> {
        match self.take(name) {
            Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES => Ok(text),
            Some(Value::String(_)) => Err(NotUnderstood::OverlongField(name)),
            Some(_) => Err(NotUnderstood::MalformedField(name)),
            None => Err(NotUnderstood::MissingField(name)),
        }
    }

    /// Our reference, echoed.
    pub(super) fn reference(&mut self, name: &'static str) -> Result<Option<String>, NotUnderstood> {
        self.label(name, MAX_REFERENCE_BYTES)
    }

    /// A status word.
    pub(super) fn word(&mut self, name: &'static str) -> Result<Option<String>, NotUnderstood> {
        self.label(name, MAX_WORD_BYTES)
    }

    /// An integer, or a string that is one.
    pub(super) fn integer(&mut self, name: &'static str) -> Result<Option<i64>, NotUnderstood> {
        let Some(written) = self.label(name, MAX_WORD_BYTES)? else {
            return Ok(None);
        };
        written.parse().map(Some).map_err(|_| NotUnderstood::MalformedField(name))
    }

    /// The payload's time: seconds or milliseconds since the Unix epoch, as a number or a numeric string,
    /// or RFC 3339. One that is none of these still belongs to the identity and is kept.
    pub(super) fn time(&mut self, name: &'static str) -> Result<PayloadTime, NotUnderstood> {
        let written = match self.take(name) {
            Some(Value::Number(number)) => decimal(&number),
            Some(Value::String(text)) if text.len() <= MAX_WORD_BYTES => text,
            Some(Value::String(_)) => return Err(NotUnderstood::OverlongField(name)),
            Some(_) => return Err(NotUnderstood::MalformedField(name)),
            None => {
                return Ok(PayloadTime { as_written: None, ms: None });
            }
        };
        let ms = milliseconds(&written);
        if ms.is_none() {
            self.0.insert(name.to_owned(), Value::String(written.clone()));
        }
        Ok(PayloadTime { as_written: Some(written), ms })
    }

    /// What is left.
    pub(super) fn into_extra(self) -> Map<String, Value> {
        sorted(self.0)
    }

    /// A short string without control characters, or an integer. An empty one is absent.
    fn label(&mut self, name: &'static str, max_bytes: usize) -> Result<Option<String>, NotUnderstood> {
        let label = match self.take(name) {
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
            Some(_) => return Err(NotUnderstood::MalformedField(name)),
            None => return Ok(None),
        };
        if label.len() > max_bytes {
            return Err(NotUnderstood::OverlongField(name));
        }
        if label.chars().any(char::is_control) {
            return Err(NotUnderstood::MalformedField(name));
        }
        Ok(Some(label).filter(|label| !label.is_empty()))
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }
}

/// In one order at every level, so that a payload that was written again with its keys in another order has
/// the same content.
pub(super) fn sorted(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.sort_keys();
    fields.values_mut().for_each(Value::sort_all_objects);
    fields
}

/// A number as a decimal string; `1234567890.0` is `1234567890`.
fn decimal(number: &Number) -> String {
    let written = number.to_string();
    match written.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => written,
    }
}

fn milliseconds(written: &str) -> Option<u64> {
    let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let ms = if !whole.is_empty() && digits(whole) && digits(fraction) {
        let whole: u64 = whole.parse().ok()?;
        if whole > MAX_SECONDS { whole } else { whole * 1000 }
    } else {
        u64::try_from(written.parse::<Timestamp>().ok()?.as_millisecond()).ok()?
    };
    // What no calendar has (beyond the year 9999) is no time.
    let in_calendar = i64::try_from(ms).is_ok_and(|ms| Timestamp::from_millisecond(ms).is_ok());
    in_calendar.then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_milliseconds_and_rfc_3339_are_one_time() {
        let expected = Some(1_234_567_890_000);
        for written in ["1234567890", "1234567890.25", "1234567890000", "2009-02-13T23:31:30.000Z"] {
            assert_eq!(milliseconds(written), expected, "{written}");
        }
        assert_eq!(milliseconds("100000000000"), Some(100_000_000_000_000));
        assert_eq!(milliseconds("100000000001"), Some(100_000_000_001));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for written in [
            "",
            ".",
            ".5",
            "-1",
            "+1",
            " 1",
            "1e9",
            "yesterday",
            "18446744073709551615",
            "9".repeat(30).as_str(),
        ] {
            assert_eq!(milliseconds(written), None, "{written}");
        }
    }
}
