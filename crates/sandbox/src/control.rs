//! `/sandbox/…`: read the phone, answer with it, script faults, look at what happened.

mod reply;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{faults::Fault, problem::Problem, settings::Webhooks, world::World};

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/sandbox/messages", get(messages))
        .route("/sandbox/reply", post(reply::fire))
        .route("/sandbox/faults", get(list_faults).post(add_faults).delete(clear_faults))
        .route("/sandbox/webhooks", post(set_webhooks))
        .route("/sandbox/stats", get(stats))
        .route("/sandbox/reset", post(reset))
        .route("/healthz", get(healthy))
        .route("/readyz", get(healthy))
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
        })
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "no such path") })
}

async fn healthy() -> Json<Value> {
    Json(json!({"ok": true}))
}

#[derive(Deserialize)]
struct Inbox {
    to: Option<String>,
}

async fn messages(State(world): State<Arc<World>>, Query(inbox): Query<Inbox>) -> Response {
    // A `+` that was not URL-encoded arrives as a space, which does not count.
    let texts = world.phone().texts(inbox.to.as_deref());
    let texts: Vec<_> = texts.iter().map(Arc::as_ref).collect();
    Json(json!({"messages": texts})).into_response()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Value>),
    One(Value),
}

async fn add_faults(
    State(world): State<Arc<World>>,
    body: Result<Json<OneOrMany>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let values = match json_body(body)? {
        OneOrMany::Many(values) => values,
        OneOrMany::One(value) => vec![value],
    };
    let faults: Result<Vec<Fault>, _> = values.into_iter().map(serde_json::from_value).collect();
    let faults = faults.map_err(|error| Problem::bad_request(error.to_string()))?;
    world.script(faults).map_err(Problem::bad_request)?;
    Ok(list_faults(State(world)).await)
}

async fn list_faults(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({"faults": world.faults().active()}))
}

async fn clear_faults(State(world): State<Arc<World>>) -> Json<Value> {
    world.faults().clear();
    list_faults(State(world)).await
}

async fn set_webhooks(
    State(world): State<Arc<World>>,
    body: Result<Json<Webhooks>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let webhooks = json_body(body)?;
    world.courier.set_urls(&webhooks).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(json!({"ok": true})))
}

async fn stats(State(world): State<Arc<World>>) -> Response {
    Json(&*world.stats()).into_response()
}

async fn reset(State(world): State<Arc<World>>) -> Json<Value> {
    world.reset();
    Json(json!({"ok": true}))
}

fn json_body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    match body {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => Err(Problem::new(rejection.status(), rejection.body_text())),
    }
}
