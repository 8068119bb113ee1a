//! The JSON Connexus answers with.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A request that is turned away. Every failure shape in one, since clients look at different fields of it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, error, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "message": self.message, "success": false, "status": "error"});
        (self.status, Json(body)).into_response()
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        refusal.into_response()
    }
}

/// HTTP 200 that is a failure all the same: what Connexus says when the money has run out.
pub(super) fn insufficient_funds() -> Value {
    json!({"success": false, "message": "Insufficient funds", "required": 0.115})
}

/// A message id as documented (text) or, as also met in practice, a number.
pub(super) fn id_value(id: &str, as_number: bool) -> Value {
    let digits = id.trim_start_matches(|c: char| !c.is_ascii_digit());
    match digits.parse::<u64>() {
        Ok(number) if as_number => number.into(),
        _ => id.into(),
    }
}
