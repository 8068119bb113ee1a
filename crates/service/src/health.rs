//! What a load balancer, an orchestrator and a metrics collector ask.
//!
//! Two faces: the public one says yes or no, the one on the metrics bind says why not.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::time::timeout;

use crate::problem::{Problem, with_fallbacks};
use crate::telemetry::Metrics;

/// A dependency that has not answered by then is not ready.
const DEADLINE: Duration = Duration::from_secs(2);

/// One dependency, asked now.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was asked: `redis`.
    pub name: &'static str,
    /// Why it cannot be used; `None` when it can. Shown on the metrics bind only, yet without secrets.
    pub problem: Option<String>,
    /// What someone should see to before it becomes a problem; it does not make anything unready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Check {
    /// A check from the outcome of asking.
    pub fn new(name: &'static str, outcome: Result<(), impl std::fmt::Display>) -> Self {
        Self { name, problem: outcome.err().map(|error| error.to_string()), warnings: Vec::new() }
    }

    /// A check that passes, with what is to be seen to.
    pub fn warning(name: &'static str, warnings: Vec<String>) -> Self {
        Self { name, problem: None, warnings }
    }
}

/// `GET /healthz`: the process runs. `GET /readyz`: every check has passed within 2 s, else 503 without a
/// word on the reason. `checks` is asked once per request.
pub fn public_routes<C, F>(checks: C) -> Router
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Vec<Check>> + Send,
{
    let checks = Arc::new(checks);
    routes(move || {
        let checks = Arc::clone(&checks);
        async move {
            match ask(&*checks).await {
                Ok(_) => "ready\n".into_response(),
                Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE).into_response(),
            }
        }
    })
}

/// The same two for the metrics bind, where `/readyz` names each dependency and its problem; and
/// `GET /metrics` in Prometheus' text format.
pub fn internal_routes<C, F>(checks: C, metrics: Metrics) -> Router
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Vec<Check>> + Send,
{
    let checks = Arc::new(checks);
    let router = routes(move || {
        let checks = Arc::clone(&checks);
        async move {
            match ask(&*checks).await {
                Ok(checks) => Json(serde_json::json!({ "checks": checks })).into_response(),
                Err(checks) => Problem::new(StatusCode::SERVICE_UNAVAILABLE)
                    .with("checks", serde_json::json!(checks))
                    .into_response(),
            }
        }
    });
    let metrics = get(async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()));
    with_fallbacks(router.route("/metrics", metrics))
}

fn routes<R, F>(ready: R) -> Router
where
    R: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send,
{
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(async move || ready().await))
}

/// `Ok` when all have passed.
async fn ask<F: Future<Output = Vec<Check>>>(checks: &impl Fn() -> F) -> Result<Vec<Check>, Vec<Check>> {
    let late = |_| vec![Check::new("deadline", Err(format!("no answer within {DEADLINE:?}")))];
    let checks = timeout(DEADLINE, checks()).await.unwrap_or_else(late);
    match checks.iter().all(|check| check.problem.is_none()) {
        true => Ok(checks),
        false => Err(checks),
    }
}
