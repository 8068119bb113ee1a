//! The path of one webhook: find the endpoint, read, verify, understand, store, answer.

use std::{collections::HashMap, fmt, num::NonZeroU32, sync::Arc, time::Duration};

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
    webhook::{Endpoint, Refused, Request as Webhook, Understood, Verified},
};
use textproof_service::problem::Problem;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    answer::Answer,
    body,
    storage::{Storage, Stored},
};

/// Limits of the receiver. The defaults keep every answer under 2 s even when the store hangs.
#[derive(Clone, Copy, Debug)]
pub struct IngestOptions {
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// Webhooks at the same time; each holds at most one body in memory.
    pub concurrency: usize,
    /// How long a webhook waits for its turn.
    pub queue_deadline: Duration,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            body_limit: 64 * 1024,
            body_deadline: Duration::from_secs(5),
            concurrency: 512,
            queue_deadline: Duration::from_millis(300),
        }
    }
}

/// The receiver of all endpoints.
pub struct Ingest {
    endpoints: HashMap<String, Endpoint>,
    storage: Storage,
    /// Genuine webhooks a second, of endpoints that have a limit.
    rates: HashMap<String, DefaultDirectRateLimiter>,
    options: IngestOptions,
    turns: Semaphore,
}

impl Ingest {
    /// Receives for these endpoints, whose names must differ, and keeps in `storage` what they sent.
    #[must_use]
    pub fn new(
        endpoints: impl IntoIterator<Item = Endpoint>,
        storage: Storage,
        options: IngestOptions,
    ) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.name().to_owned(), endpoint));
        Self {
            endpoints: endpoints.collect(),
            storage,
            rates: HashMap::new(),
            turns: Semaphore::new(options.concurrency),
            options,
        }
    }

    /// Takes at most so many genuine webhooks a second of an endpoint, and as many at once after a pause; others are
    /// answered 503, so that the sender keeps them.
    #[must_use]
    pub fn with_rate(mut self, endpoint: &str, per_second: NonZeroU32) -> Self {
        self.rates.insert(endpoint.to_owned(), RateLimiter::direct(Quota::per_second(per_second)));
        self
    }

    async fn receive(&self, name: &str, path_secret: Option<&str>, request: Request) -> Answer {
        let Some(endpoint) = self.endpoints.get(name) else {
            return Answer::NotFound;
        };
        if let Err(refused) = endpoint.admits(path_secret, Timestamp::now()) {
            return refuse(name, refused);
        }
        let Ok(Ok(_turn)) = timeout(self.options.queue_deadline, self.turns.acquire()).await else {
            return Answer::NotStored;
        };
        let (head, body) = request.into_parts();
        let body = match body::read(body, self.options.body_limit, self.options.body_deadline).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let now = Timestamp::now();
        let webhook = Webhook { headers: &head.headers, path_secret, body: &body };
        match endpoint.verify(&webhook, now) {
            Ok(verified) => self.store(&verified, &body, now).await,
            Err(refused) => refuse(name, refused),
        }
    }

    async fn store(&self, verified: &Verified<'_>, body: &Bytes, now: Timestamp) -> Answer {
        let name = verified.endpoint().name();
        metrics::counter!(
            "textproof_ingest_verified_total",
            "endpoint" => name.to_owned(), "secret" => verified.secret_id().to_owned()
        )
        .increment(1);
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
                let at = u64::try_from(now.as_millisecond()).unwrap_or_default();
                (Outgoing::quarantined(name, reason.as_str(), at, body.clone()), true)
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

/// The sender learns nothing; the operator learns why, and only the operator.
fn refuse(endpoint: &str, refused: Refused) -> Answer {
    tracing::warn!(endpoint, reason = refused.as_str(), "webhook refused");
    metrics::counter!(
        "textproof_ingest_refused_total",
        "endpoint" => endpoint.to_owned(), "reason" => refused.as_str()
    )
    .increment(1);
    refused.answer_class().into()
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
