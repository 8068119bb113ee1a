//! The path of one webhook: find the endpoint, read, verify, understand, store, answer.

use std::{collections::HashMap, fmt, num::NonZeroU32, sync::Arc};

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use textproof::{
    stream::Outgoing,
    webhook::{Endpoint, Understood, Verified},
};
use textproof_service::problem::Problem;

use crate::{
    answer::Answer,
    door::{Door, ReadLimits},
    storage::{Storage, Stored},
};

/// The receiver of all endpoints.
pub struct Ingest {
    endpoints: HashMap<String, Endpoint>,
    storage: Storage,
    /// Genuine webhooks a second, of endpoints that have a limit.
    rates: HashMap<String, DefaultDirectRateLimiter>,
    door: Door,
}

impl Ingest {
    /// Receives for these endpoints, whose names must differ, and keeps in `storage` what they sent.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>, storage: Storage, limits: ReadLimits) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.name().to_owned(), endpoint));
        Self { endpoints: endpoints.collect(), storage, rates: HashMap::new(), door: Door::new(limits) }
    }

    /// Takes at most so many genuine webhooks a second of an endpoint, and as many at once after a pause; others are
    /// answered 503, so that the sender keeps them.
    #[must_use]
    pub fn with_rate(mut self, endpoint: &str, per_second: NonZeroU32) -> Self {
        self.rates.insert(endpoint.to_owned(), RateLimiter::direct(Quota::per_second(per_second)));
        self
    }

    /// Whether the store, though it may answer, and the spool both refuse events.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.storage.is_full()
    }

    /// All endpoints, in no order.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    async fn receive(&self, name: &str, path_secret: Option<&str>, request: Request) -> Answer {
        let Some(endpoint) = self.endpoints.get(name) else {
            return Answer::NotFound;
        };
        let received = match self.door.read(endpoint, path_secret, request).await {
            Ok(received) => received,
            Err(answer) => return answer,
        };
        match received.verify(endpoint, path_secret) {
            Ok(verified) => self.store(&verified, &received.body, received.at).await,
            Err(answer) => answer,
        }
    }

    async fn store(&self, verified: &Verified<'_>, body: &Bytes, now: Timestamp) -> Answer {
        let name = verified.endpoint().name();
        // Only genuine webhooks count: nobody else can use up a sender's rate.
        if self.rates.get(name).is_some_and(|rate| rate.check().is_err()) {
            tracing::warn!(endpoint = name, "more webhooks than the endpoint's rate allows");
            return Answer::TooMany;
        }
        let (outgoing, quarantined) = match verified.understand(now) {
            Understood::Event { event, identity, content_digest } => {
                (Outgoing::event(&event, &identity, content_digest, body.clone()), false)
            }
            Understood::Quarantine { reason, .. } => {
                tracing::warn!(endpoint = name, %reason, "an authentic webhook was not understood and is kept");
                (Outgoing::quarantined(verified, reason, now), true)
            }
            Understood::BadRequest(reason) => {
                tracing::warn!(endpoint = name, %reason, "webhook refused");
                return Answer::BadRequest;
            }
        };
        match self.storage.store(&outgoing).await {
            Ok(stored) => {
                tracing::info!(endpoint = name, event = %outgoing.id(), outcome = stored.as_str(), "webhook stored");
                let outcome = match stored {
                    Stored::Published(_) if quarantined => "quarantined",
                    stored => stored.as_str(),
                };
                let endpoint = name.to_owned();
                metrics::counter!("textproof_ingest_stored_total", "endpoint" => endpoint, "outcome" => outcome)
                    .increment(1);
                Answer::Stored
            }
            Err(error) => {
                tracing::error!(endpoint = name, %error, "webhook not stored; the sender was told to keep it");
                metrics::counter!("textproof_ingest_not_stored_total", "reason" => error.as_str())
                    .increment(1);
                Answer::NotStored
            }
        }
    }
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest").field("endpoints", &self.endpoints.keys()).finish_non_exhaustive()
    }
}

/// `POST /hooks/{endpoint}` and `POST /hooks/{endpoint}/{secret}`. Every other path under `/hooks` is answered
/// like an unknown endpoint, and paths elsewhere with a problem document (RFC 9457).
pub fn router(ingest: Arc<Ingest>) -> Router {
    Router::new()
        .route("/hooks/{endpoint}", post(without_secret))
        .route("/hooks/{endpoint}/{secret}", post(with_secret))
        .fallback(unknown)
        .with_state(ingest)
}

async fn unknown(uri: Uri) -> Response {
    match uri.path().starts_with("/hooks") {
        true => Answer::NotFound.into_response(),
        false => Problem::new(StatusCode::NOT_FOUND).into_response(),
    }
}

async fn without_secret(
    State(ingest): State<Arc<Ingest>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // What is not UTF-8 is the name of no endpoint.
    let Ok(Path(endpoint)) = path else { return Answer::NotFound.into_response() };
    answered(&ingest, &endpoint, None, request).await
}

async fn with_secret(
    State(ingest): State<Arc<Ingest>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path((endpoint, secret))) = path else { return Answer::NotFound.into_response() };
    answered(&ingest, &endpoint, Some(&secret), request).await
}

async fn answered(ingest: &Ingest, endpoint: &str, secret: Option<&str>, request: Request) -> Response {
    let start = tokio::time::Instant::now();
    let answer = ingest.receive(endpoint, secret, request).await;
    // A name that is not configured is the sender's own word and must not become a label.
    let endpoint = if ingest.endpoints.contains_key(endpoint) { endpoint } else { "unknown" }.to_owned();
    metrics::counter!(
        "textproof_ingest_requests_total",
        "endpoint" => endpoint, "answer" => answer.as_str()
    )
    .increment(1);
    metrics::histogram!("textproof_ingest_request_seconds").record(start.elapsed().as_secs_f64());
    answer.into_response()
}
