//! `POST /auth/token`: client credentials for a bearer token.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::time::Instant;

use super::{answer::Refusal, params::Params};
use crate::{
    faults::{Kind, Target, broken_answer},
    phone::Gateway,
    world::World,
};

pub(super) async fn issue(State(world): State<Arc<World>>, params: Result<Params, Refusal>) -> Response {
    world.stats().token_requests += 1;
    let door = world.door(Gateway::Connexus, Target::Token);
    if let Some(refusal) = door.pass(&world.shutdown).await {
        return refusal;
    }
    match params.and_then(|params| check(&world, &params)) {
        Ok(()) => grant(&world),
        Err(refusal) => refusal.into(),
    }
}

fn check(world: &World, params: &Params) -> Result<(), Refusal> {
    let (id, secret) = (params.required("client_id")?, params.required("client_secret")?);
    if id == world.settings.client_id && secret == world.settings.client_secret {
        Ok(())
    } else {
        Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_client", "Invalid client credentials"))
    }
}

fn grant(world: &World) -> Response {
    let fault = world.acceptance_fault(Gateway::Connexus, Target::Token);
    let lifetime = match &fault {
        Some(fault) if fault.kind == Kind::TokenLifetime => fault.expires_in_seconds.unwrap_or(1),
        _ => world.settings.token_lifetime_seconds,
    };
    let token = world.tokens().issue(Instant::now(), Duration::from_secs(lifetime));
    if fault.is_some_and(|fault| fault.kind == Kind::AcceptThenDrop) {
        return broken_answer();
    }
    world.stats().token_requests_ok += 1;
    tracing::info!(expires_in_seconds = lifetime, "sandbox.token.issued");
    Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime})).into_response()
}
