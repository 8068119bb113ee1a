//! WebSMS Connexus under `/api/connexus`: token, one-time code, any text, and its unsigned webhooks.

mod answer;
mod otp;
mod out;
mod params;
mod token;

mod webhook;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::post,
};
use tokio::time::Instant;

pub(crate) use webhook::reply;

use crate::world::World;
use answer::Refusal;

/// The number texts come from unless `/sms/out` names another, and the one replies go to.
pub(crate) const SHORT_CODE: &str = "552";

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/auth/token", post(token::issue))
        .route("/sms/otp", post(otp::send))
        .route("/sms/out", post(out::send))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
}

async fn unknown_path() -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "No such endpoint").into()
}

async fn wrong_method() -> Response {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Use POST").into()
}

/// Lets through who holds a token that was issued here and has not ended.
fn authorize(world: &World, headers: &HeaderMap) -> Result<(), Refusal> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    match token {
        Some(token) if world.tokens().good(token, Instant::now()) => Ok(()),
        _ => Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_token", "Invalid or expired token")),
    }
}

/// The token of an `Authorization` header; the scheme's case does not matter (RFC 9110, section 11.1).
pub(crate) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
