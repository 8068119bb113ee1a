//! Answers that no accepted request gets.

use std::{io, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Fault, Kind, Target};
use crate::phone::Gateway;

/// What a request meets before its credentials and parameters are looked at.
pub(crate) struct Door {
    pub(super) gateway: Gateway,
    pub(super) target: Target,
    pub(super) delay: Option<Duration>,
    pub(super) refusal: Option<Fault>,
}

impl Door {
    /// Waits out a `slow` fault (not longer than the sandbox lives), then refuses or lets through.
    pub(crate) async fn pass(self, shutdown: &CancellationToken) -> Option<Response> {
        if let Some(delay) = self.delay {
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = shutdown.cancelled() => {}
            }
        }
        let fault = self.refusal.as_ref()?;
        Some(match fault.kind {
            Kind::Unauthorized => self.json(StatusCode::UNAUTHORIZED, self.unauthorized()),
            Kind::Forbidden => self.json(StatusCode::FORBIDDEN, self.forbidden()),
            Kind::RateLimited => {
                let body = json!({"error": "rate_limited", "message": "Too many requests"});
                let mut response = self.json(StatusCode::TOO_MANY_REQUESTS, body);
                let seconds = HeaderValue::from(fault.retry_after_seconds.unwrap_or(1));
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
                response
            }
            Kind::NotJson => {
                let page =
                    "<!doctype html><title>Gateway</title><p>This is not the page you are looking for.";
                (status(fault, StatusCode::OK), Html(page)).into_response()
            }
            _ => {
                let status = status(fault, StatusCode::INTERNAL_SERVER_ERROR);
                self.json(status, self.server_error(status))
            }
        })
    }

    fn json(&self, status: StatusCode, body: Value) -> Response {
        (status, Json(body)).into_response()
    }

    fn unauthorized(&self) -> Value {
        match (self.gateway, self.target) {
            (Gateway::MobileApiConnect, _) => json!({"error": "invalid_api_key"}),
            (Gateway::Connexus, Target::Token) => {
                json!({"error": "invalid_client", "message": "Invalid client credentials"})
            }
            (Gateway::Connexus, _) => {
                json!({"error": "invalid_token", "message": "Invalid or expired token"})
            }
        }
    }

    fn forbidden(&self) -> Value {
        match self.gateway {
            Gateway::Connexus => {
                json!({"success": false, "message": "Insufficient funds", "required": 0.115})
            }
            Gateway::MobileApiConnect => json!({"error": "tenant_inactive"}),
        }
    }

    fn server_error(&self, status: StatusCode) -> Value {
        match self.gateway {
            Gateway::MobileApiConnect if status == StatusCode::SERVICE_UNAVAILABLE => {
                json!({"error": "no_active_device_for_tenant"})
            }
            Gateway::MobileApiConnect => json!({"error": "internal_error"}),
            Gateway::Connexus => json!({"error": "server_error", "message": "Something went wrong"}),
        }
    }
}

/// No answer at all: the body fails before its first byte, so the server gives the connection up
/// with the response head still unsent.
pub(crate) fn broken_answer() -> Response {
    let failing = tokio_stream::once(Err::<Bytes, _>(io::Error::other("dropped by a scripted fault")));
    Response::new(Body::from_stream(failing))
}

fn status(fault: &Fault, default: StatusCode) -> StatusCode {
    fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(default)
}
