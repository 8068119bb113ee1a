//! Any relay's JSON: replies, delivery reports and other events, read where configuration points.
//!
//! Without pointers the whole payload is kept as something other, named by its raw body.

use serde_json::{Map, Value};

use super::{
    NotUnderstood, Reading,
    fields::{Fields, sorted},
    pointers::{Kind, Pointers},
};
use crate::event::{Content, DeliveryReport, Other, Reply};

/// Reads a payload of the endpoint with this name. Refusals name the keys of the configuration.
pub(super) fn read(
    pointers: &Pointers,
    endpoint: &str,
    payload: Map<String, Value>,
) -> Result<Reading, NotUnderstood> {
    let payload = Value::Object(payload);
    let mut fields = Fields::new(pointed_at(pointers, &payload));
    let type_name = match pointers.settings.kind {
        Some(_) => Some(fields.type_name("type")?),
        None => None,
    };
    match pointers.kind(type_name.as_deref()).ok_or(NotUnderstood::UnknownType)? {
        Kind::Reply => reply(pointers, fields, payload),
        Kind::Report => report(pointers, endpoint, fields, payload),
        Kind::Other => other(fields, payload),
    }
}

fn reply(pointers: &Pointers, mut fields: Fields, payload: Value) -> Result<Reading, NotUnderstood> {
    let message_id = fields.message_id("message_id")?;
    let from = fields.sender("from")?;
    let to = fields.address("to")?;
    let text = fields.text("text")?;
    let reference = fields.reference("reference")?;
    let time = fields.time("timestamp")?;
    let extra = left_over(pointers, payload, time.ms.is_some());
    let reply = Reply { message_id, from, to, text, reference, sent_at_ms: time.ms, extra };
    Ok(Reading { content: Content::Reply(reply), status_code: None, timestamp: time.as_written })
}

fn report(
    pointers: &Pointers,
    endpoint: &str,
    mut fields: Fields,
    payload: Value,
) -> Result<Reading, NotUnderstood> {
    let message_id = fields.message_id("message_id")?.ok_or(NotUnderstood::MissingField("message_id"))?;
    let word = fields.word("status")?;
    let code = fields.integer("status_code")?;
    if word.is_none() && code.is_none() {
        return Err(NotUnderstood::MissingField("status"));
    }
    let time = fields.time("timestamp")?;
    // One message has several reports; the word tells them apart where there is no code.
    let written = word.as_deref().map(|word| word.trim().to_uppercase());
    let report = DeliveryReport {
        gateway: pointers.settings.gateway.as_deref().unwrap_or(endpoint).to_owned(),
        message_id,
        status: pointers.status(word.as_deref(), code),
        status_word: word,
        status_code: code,
        reported_at_ms: time.ms,
        extra: left_over(pointers, payload, time.ms.is_some()),
    };
    let status_code = code.map(|code| code.to_string()).or(written);
    Ok(Reading { content: Content::DeliveryReport(report), status_code, timestamp: time.as_written })
}

fn other(mut fields: Fields, payload: Value) -> Result<Reading, NotUnderstood> {
    let message_id = fields.message_id("message_id")?;
    let time = fields.time("timestamp")?;
    let other = Other { message_id, sent_at_ms: time.ms, payload: sorted(object(payload)) };
    Ok(Reading { content: Content::Other(other), status_code: None, timestamp: time.as_written })
}

/// The values that the pointers name, under the names that configuration has for them.
fn pointed_at(pointers: &Pointers, payload: &Value) -> Map<String, Value> {
    let named = pointers.settings.named().into_iter();
    let found = named.filter_map(|(name, pointer)| {
        let value = payload.pointer(pointer?)?;
        Some((name.to_owned(), value.clone()))
    });
    found.collect()
}

/// The payload without what has a place of its own in the event. A time that is none stays.
fn left_over(pointers: &Pointers, mut payload: Value, time_was_read: bool) -> Map<String, Value> {
    for (name, pointer) in pointers.settings.named() {
        if let Some(pointer) = pointer.filter(|_| name != "timestamp" || time_was_read) {
            remove(&mut payload, pointer);
        }
    }
    sorted(object(payload))
}

/// Takes out what the pointer names. A place in an array is emptied: others are counted by it.
fn remove(payload: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    match payload.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(_)) => drop(payload.pointer_mut(pointer).map(Value::take)),
        _ => {}
    }
}

fn object(payload: Value) -> Map<String, Value> {
    match payload {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
