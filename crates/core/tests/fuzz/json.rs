//! The bounded JSON of a body, against serde_json: the same where both read it, a reason that holds where not.

use std::sync::LazyLock;

use arbtest::arbitrary::{Result, Unstructured};
use serde_json::{Map, Value};
use textproof::{
    event::Content,
    webhook::{Dialect, Endpoint, Understood},
};

use crate::bodies::{endpoint, spelt, understand, value};

const MAX_DEPTH: usize = 32;
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

static ANYTHING: LazyLock<Endpoint> = LazyLock::new(|| endpoint(Dialect::Generic, None));

pub(crate) fn text(input: &str) {
    bytes(input.as_bytes());
}

/// JSON of all kinds, often with a fault put in, and then with bytes exchanged.
pub(crate) fn generated(u: &mut Unstructured<'_>) -> Result<()> {
    let inner = value(u, 3)?;
    let key = spelt(u, "key")?;
    let depth = u.int_in_range(0..=40)?;
    let body = match u.int_in_range(0..=4)? {
        0 => {
            let twice = format!("{{{key}:{inner},{}:1}}", spelt(u, "key")?);
            assert!(read(twice.as_bytes()).is_err(), "{twice}");
            twice
        }
        1 => format!("{}{inner}{}", "{\"a\":".repeat(depth), "}".repeat(depth)),
        2 => format!("{{\"a\":{}{inner}{}}}", "[".repeat(depth), "]".repeat(depth)),
        3 => inner,
        _ => format!("{{{key}:{inner}}}"),
    };
    text(&body);
    let mut body = body.into_bytes();
    if !body.is_empty() {
        for _ in 0..u.int_in_range(1..=3)? {
            let at = u.choose_index(body.len())?;
            body[at] = u.arbitrary()?;
        }
        bytes(&body);
    }
    Ok(())
}

pub(crate) fn bytes(body: &[u8]) {
    let reference = serde_json::from_slice::<Value>(body);
    let reason = match read(body) {
        Ok(payload) => {
            let Ok(Value::Object(fields)) = reference else { panic!("serde_json reads no object") };
            assert_eq!(payload, sorted(fields));
            let payload = Value::Object(payload);
            assert_eq!(colons(body), keys(&payload), "no key is there twice");
            assert!(depth(&payload) <= MAX_DEPTH && is_in_range(&payload));
            let written = payload.to_string();
            assert_eq!(read(written.as_bytes()).map(Value::Object).as_ref(), Ok(&payload), "{written}");
            return;
        }
        Err(reason) => reason,
    };
    let first = body.iter().find(|b| !b.is_ascii_whitespace() || **b == b'\x0c');
    match (reason, reference) {
        ("empty_body", _) => assert_eq!(first, None),
        ("not_an_object", _) => assert_ne!(first, Some(&b'{')),
        ("not_utf8", _) => assert!(std::str::from_utf8(body).is_err()),
        ("malformed_json", reference) => assert!(reference.is_err(), "serde_json reads it"),
        // What stands under a key that is there twice may not be in the value.
        ("too_deep", Ok(value)) => assert!(depth(&value) > MAX_DEPTH || colons(body) > keys(&value)),
        ("too_deep", Err(_)) => assert!(body.iter().filter(|b| matches!(b, b'[' | b'{')).count() > MAX_DEPTH),
        ("duplicate_key", Ok(value)) => assert!(colons(body) > keys(&value)),
        ("number_out_of_range", Ok(value)) => assert!(!is_in_range(&value) || colons(body) > keys(&value)),
        ("duplicate_key" | "number_out_of_range", Err(_)) => {}
        (other, _) => panic!("no reason for the whole of a payload: {other}"),
    }
}

fn read(body: &[u8]) -> std::result::Result<Map<String, Value>, &'static str> {
    match understand(&ANYTHING, body, 0) {
        Understood::Event { event, .. } => match event.content {
            Content::Other(other) => Ok(other.payload),
            content => panic!("without pointers nothing is known: {content:?}"),
        },
        Understood::Quarantine { reason, .. } | Understood::BadRequest(reason) => Err(reason.as_str()),
    }
}

/// In one order at every level.
fn sorted(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.sort_keys();
    fields.values_mut().for_each(Value::sort_all_objects);
    fields
}

/// Outside of strings; in JSON that is one for each key.
fn colons(body: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

fn keys(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.len() + fields.values().map(keys).sum::<usize>(),
        Value::Array(items) => items.iter().map(keys).sum(),
        _ => 0,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether every number is one that 64 bits hold, or has a fraction.
fn is_in_range(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_in_range),
        Value::Array(items) => items.iter().all(is_in_range),
        Value::Number(number) => {
            !number.is_f64() || number.as_f64().is_some_and(|n| n > -TWO_TO_63 && n < 2.0 * TWO_TO_63)
        }
        _ => true,
    }
}
