//! The inbound webhook. The documented payload has no message id, and neither has this one.

use std::sync::Arc;

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    ids,
    phone::{Gateway, bare, iso_millis},
    webhooks::{Event, EventKind, fire},
    world::World,
};

/// Fires a reply of the phone. The id returned names it in the stats only: it is not part of the payload.
pub(crate) fn reply(
    world: &Arc<World>,
    from: &str,
    to: &str,
    text: &str,
    reference: Option<&str>,
    received_at: Timestamp,
) -> String {
    let plan = world.faults().on_webhook(Gateway::MobileApiConnect, EventKind::Reply);
    let message_id = ids::opaque("in_");
    let body = json!({
        "event": "message.received",
        "from": bare(from),
        "to": bare(to),
        "text": text,
        "ref": reference,
        "receivedAt": iso_millis(received_at),
        "deviceId": "dev_sandbox",
        "tenantId": "ten_sandbox",
        "tenantName": "Acme Corp",
        "matchedRuleId": "rule_sandbox",
    });
    let event = Event {
        gateway: Gateway::MobileApiConnect,
        kind: EventKind::Reply,
        message_id: message_id.clone(),
        status_code: None,
        body: Bytes::from(body.to_string()),
    };
    fire(world, vec![event], plan);
    message_id
}
