//! What Connexus tells its customers: replies (MO) and delivery reports (DLR), unsigned.

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::{
    ids,
    phone::{Gateway, bare},
    webhooks::{Event, EventKind, fire},
    world::{self, World},
};

const ACCEPTED: i32 = 8;
const DELIVERED: i32 = 1;

/// Fires the two reports of an accepted text: accepted by the network, then delivered.
pub(super) fn report(world: &Arc<World>, id: &Value) {
    let plan = world.faults().on_webhook(Gateway::Connexus, EventKind::Report);
    let timestamp = world::now().as_second();
    let event = |code: i32| {
        let mut body = json!({
            "type": "dlr",
            "messageId": id,
            "status": status_word(code),
            "statusCode": code,
            "timestamp": timestamp,
        });
        if plan.as_seen {
            body["details"] = json!({"operator": "Sandbox", "mccmnc": "53001"});
        }
        Event {
            gateway: Gateway::Connexus,
            kind: EventKind::Report,
            message_id: id.as_str().map_or_else(|| id.to_string(), str::to_owned),
            status_code: Some(code),
            body: Bytes::from(body.to_string()),
        }
    };
    let events = [ACCEPTED, plan.final_code.unwrap_or(DELIVERED)].map(event);
    fire(world, events.to_vec(), plan);
}

/// Fires a reply of the phone and returns its message id. `timestamp` is in Unix seconds.
pub(crate) fn reply(world: &Arc<World>, from: &str, to: &str, text: &str, timestamp: i64) -> String {
    let plan = world.faults().on_webhook(Gateway::Connexus, EventKind::Reply);
    let message_id = ids::numbered("MO");
    let from = if plan.as_seen { bare(from) } else { from.to_owned() };
    let mut body = json!({
        "type": if plan.as_seen { "SMS" } else { "mo" },
        "messageId": message_id,
        "from": from,
        "to": to,
        "body": text,
        "timestamp": timestamp,
    });
    if plan.as_seen {
        body["encoding"] = "GSM7".into();
        body["network"] = "Sandbox".into();
    }
    let event = Event {
        gateway: Gateway::Connexus,
        kind: EventKind::Reply,
        message_id: message_id.clone(),
        status_code: None,
        body: Bytes::from(body.to_string()),
    };
    fire(world, vec![event], plan);
    message_id
}

/// The word that goes with a code; codes nobody documented get a word nobody documented.
fn status_word(code: i32) -> &'static str {
    match code {
        1 => "DELIVRD",
        2 | 16 => "UNDELIV",
        4 => "QUEUED",
        8 => "ACCEPTD",
        -1 => "BLOCKED",
        _ => "UNKNOWN",
    }
}
