//! MMobile API Connect under `/v1`: send a text, and its signed webhook.

mod request;
mod webhook;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

pub(crate) use webhook::reply;

use crate::{
    connexus::bearer,
    faults::{Kind, Target, broken_answer},
    ids, parts,
    phone::{Gateway, Text, iso_millis},
    world::{self, World},
};
use request::{Message, issue};

/// The number of the paired phone that sends the texts, and the one replies go to.
pub(crate) const PAIRED_PHONE: &str = "911234500000";

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/messages", post(send))
        .method_not_allowed_fallback(|| error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"))
        .fallback(|| error(StatusCode::NOT_FOUND, "not_found"))
}

async fn send(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    world.stats().requests.mobile_api_connect.messages += 1;
    let door = world.door(Gateway::MobileApiConnect, Target::Messages);
    if let Some(refusal) = door.pass(&world.shutdown).await {
        return refusal;
    }
    if let Err(reason) = authorize(&world, &headers) {
        return error(StatusCode::UNAUTHORIZED, reason).await;
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return invalid(rejection.status(), &[issue(&[], "unreadable body")]),
    };
    match Message::read(&body) {
        Ok(message) => accept(&world, message),
        Err(issues) => invalid(StatusCode::BAD_REQUEST, &issues),
    }
}

fn authorize(world: &World, headers: &HeaderMap) -> Result<(), &'static str> {
    let header = headers.get(header::AUTHORIZATION).ok_or("unauthorized")?;
    match header.to_str().ok().and_then(bearer) {
        Some(key) if key == world.settings.api_key => Ok(()),
        Some(_) => Err("invalid_api_key"),
        None => Err("unauthorized"),
    }
}

fn accept(world: &Arc<World>, message: Message) -> Response {
    let fault = world.acceptance_fault(Gateway::MobileApiConnect, Target::Messages).map(|fault| fault.kind);
    let (message_id, created_at) = (ids::opaque("msg_"), world::now());
    world.stats().sends.mobile_api_connect.messages += 1;
    world.deliver(Text {
        gateway: Gateway::MobileApiConnect,
        message_id: message_id.clone(),
        to: message.to,
        from: format!("+{PAIRED_PHONE}"),
        parts: parts::count(&message.text),
        text: message.text,
        received_at: created_at,
        sandbox: false,
    });
    let created_at = iso_millis(created_at);
    let body = match fault {
        Some(Kind::AcceptThenDrop) => return broken_answer(),
        Some(Kind::NoMessageId) => json!({"status": "queued", "createdAt": created_at}),
        _ => json!({"id": message_id, "status": "queued", "createdAt": created_at}),
    };
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

fn invalid(status: StatusCode, issues: &[Value]) -> Response {
    (status, Json(json!({"error": "validation_error", "issues": issues}))).into_response()
}

async fn error(status: StatusCode, error: &'static str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}
