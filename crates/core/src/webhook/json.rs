//! Strict, bounded JSON (RFC 8259): what two parsers could read differently is not read at all.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// The deepest nesting that is read; the outermost object is 1.
const MAX_DEPTH: usize = 32;

/// 2^64 and 2^63: integers beyond 64 bits reach the visitor as floats of at least this size.
const ABOVE_U64: f64 = 18_446_744_073_709_551_616.0;
const ABOVE_I64: f64 = 9_223_372_036_854_775_808.0;

/// Why a body is no JSON that we read. Holds nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JsonFault {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// Not JSON, cut off, or something follows it.
    Malformed,
    /// Nested more than 32 deep.
    TooDeep,
    /// An object names a key twice: readers differ on which one counts.
    DuplicateKey,
    /// A number beyond 64 bits, which would be read as another one.
    NumberOutOfRange,
    /// JSON, but not an object.
    NotAnObject,
}

/// Reads one object and nothing after it.
pub(super) fn parse_object(body: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let text = std::str::from_utf8(body).map_err(|_| JsonFault::NotUtf8)?;
    let fault = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Bounded { depth: 0, fault: &fault }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match parsed {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(JsonFault::NotAnObject),
        Err(_) => Err(fault.get().unwrap_or(JsonFault::Malformed)),
    }
}

/// Builds a value whose containers are `depth` deep already; the cell says why it stopped.
#[derive(Clone, Copy)]
struct Bounded<'f> {
    depth: usize,
    fault: &'f Cell<Option<JsonFault>>,
}

impl Bounded<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.stop(JsonFault::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn stop<E: serde::de::Error>(self, fault: JsonFault) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if value >= ABOVE_U64 || value <= -ABOVE_I64 {
            return Err(self.stop(JsonFault::NumberOutOfRange));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.stop(JsonFault::NumberOutOfRange))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(deeper)?;
            if object.insert(key, value).is_some() {
                return Err(self.stop(JsonFault::DuplicateKey));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> JsonFault {
        parse_object(text.as_bytes()).unwrap_err()
    }

    fn nested(depth: usize) -> String {
        format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
    }

    #[test]
    fn what_parsers_disagree_on_is_refused() {
        assert_eq!(fault(r#"{"a":1,"a":1}"#), JsonFault::DuplicateKey);
        assert_eq!(fault(r#"{"a":1,"\u0061":2}"#), JsonFault::DuplicateKey);
        assert_eq!(fault(r#"{"x":[{"a":1,"b":{"c":1,"c":2}}]}"#), JsonFault::DuplicateKey);
        for number in
            ["18446744073709551616", "-9223372036854775809", "1e300", "123456789012345678901234567890"]
        {
            assert_eq!(fault(&format!(r#"{{"a":{number}}}"#)), JsonFault::NumberOutOfRange, "{number}");
        }
        assert_eq!(parse_object(b"{\"a\":\"\xff\"}"), Err(JsonFault::NotUtf8));
        for text in [
            "",
            "{",
            r#"{"a":1"#,
            r#"{"a":1} x"#,
            r#"{"a":1}{}"#,
            r#"{"a":1,}"#,
            r#"{a:1}"#,
            r#"{"a":NaN}"#,
            r#"{"a":01}"#,
            r#"{"a":1e400}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\n\"}",
            "\u{feff}{}",
        ] {
            assert_eq!(fault(text), JsonFault::Malformed, "{text}");
        }
        assert_eq!(fault("[]"), JsonFault::NotAnObject);
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(fault(&nested(MAX_DEPTH + 1)), JsonFault::TooDeep);
        assert_eq!(fault(&"{\"a\":".repeat(10_000)), JsonFault::TooDeep);
        assert_eq!(fault(&format!("{{\"a\":{}", "[".repeat(60_000))), JsonFault::TooDeep);
    }

    #[test]
    fn the_borders_of_64_bits_are_read_exactly() {
        let fields = parse_object(br#"{"a":18446744073709551615,"b":-9223372036854775808,"c":0.5}"#).unwrap();
        assert_eq!(fields["a"].as_u64(), Some(u64::MAX));
        assert_eq!(fields["b"].as_i64(), Some(i64::MIN));
        assert_eq!(fields["c"].as_f64(), Some(0.5));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = parse_object(&bytes);
        }

        #[test]
        fn what_is_read_is_what_was_written(fields in prop::collection::btree_map(".{0,6}", any_json(), 0..6)) {
            let object: Map<String, Value> = fields.into_iter().collect();
            let written = serde_json::to_vec(&object).unwrap();
            prop_assert_eq!(parse_object(&written), Ok(object));
        }
    }
}
