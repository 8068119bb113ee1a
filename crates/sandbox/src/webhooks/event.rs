//! What is carried.

use axum::body::Bytes;
use serde::Serialize;

use crate::phone::Gateway;

/// A reply of the phone, or a report about a text sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    Reply,
    Report,
}

/// One webhook body, the same bytes on every attempt.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) gateway: Gateway,
    pub(crate) kind: EventKind,
    pub(crate) message_id: String,
    /// Of a report.
    pub(crate) status_code: Option<i32>,
    pub(crate) body: Bytes,
}
