//! The path of one webhook: find the endpoint, read, verify, understand, store, answer.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use jiff::Timestamp;
use textproof::{
    store::{EventStore, Published, StoreError},
    stream::Producer,
    webhook::{Endpoint, Refused, Request as Webhook, Understood, Verified},
};
use textproof_service::{peer::PeerAddress, problem::Problem};
use tokio::{sync::Semaphore, time::timeout};

use crate::{answer::Answer, body};

/// Limits of the receiver. The defaults keep every answer under 2 s even when the store hangs.
#[derive(Clone, Copy, Debug)]
pub struct IngestOptions {
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// How long the store may take.
    pub store_deadline: Duration,
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
            store_deadline: Duration::from_millis(1500),
            concurrency: 512,
            queue_deadline: Duration::from_millis(300),
        }
    }
}

/// The receiver of all endpoints.
pub struct Ingest {
    endpoints: HashMap<String, Endpoint>,
    producer: Producer,
    options: IngestOptions,
    turns: Semaphore,
}

impl Ingest {
    /// Receives for these endpoints, whose names must differ, and stores through `store`.
    #[must_use]
    pub fn new(
        endpoints: impl IntoIterator<Item = Endpoint>,
        store: Arc<dyn EventStore>,
        options: IngestOptions,
    ) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.name().to_owned(), endpoint));
        Self {
            endpoints: endpoints.collect(),
            producer: Producer::new(store),
            turns: Semaphore::new(options.concurrency),
            options,
        }
    }

    /// All endpoints, in no order.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    async fn receive(&self, name: &str, path_secret: Option<&str>, request: Request) -> Answer {
        let Some(endpoint) = self.endpoints.get(name) else {
            return Answer::NotFound;
        };
        let (head, body) = request.into_parts();
        let peer = head.extensions.get::<PeerAddress>().map(|peer| peer.0);
        let webhook = Webhook { headers: &head.headers, path_secret, peer, body: &[] };
        if let Err(refused) = endpoint.admits(&webhook, Timestamp::now()) {
            return refuse(name, refused);
        }
        let Ok(Ok(_turn)) = timeout(self.options.queue_deadline, self.turns.acquire()).await else {
            return Answer::NotStored;
        };
        let body = match body::read(body, self.options.body_limit, self.options.body_deadline).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let now = Timestamp::now();
        let webhook = Webhook { body: &body, ..webhook };
        match endpoint.verify(&webhook, now) {
            Ok(verified) => self.store(&verified, now).await,
            Err(refused) => refuse(name, refused),
        }
    }

    async fn store(&self, verified: &Verified<'_>, now: Timestamp) -> Answer {
        let name = verified.endpoint().name();
        metrics::counter!(
            "textproof_ingest_verified_total",
            "endpoint" => name.to_owned(), "secret" => verified.secret_id().to_owned()
        )
        .increment(1);
        let stored = timeout(self.options.store_deadline, async {
            match verified.understand(now) {
                Understood::Event { event, identity, content_digest } => {
                    let published =
                        self.producer.publish(&event, &identity, content_digest, verified.body()).await?;
                    tracing::info!(endpoint = name, event = %event.id, outcome = outcome(published), "webhook stored");
                    Ok(Some(outcome(published)))
                }
                Understood::Quarantine { reason, .. } => {
                    tracing::warn!(endpoint = name, %reason, "an authentic webhook was not understood and is kept");
                    let at = u64::try_from(now.as_millisecond()).unwrap_or_default();
                    self.producer.quarantine(name, reason.as_str(), at, verified.body()).await?;
                    Ok(Some("quarantined"))
                }
                Understood::BadRequest(reason) => {
                    tracing::warn!(endpoint = name, %reason, "webhook refused");
                    Ok::<_, StoreError>(None)
                }
            }
        })
        .await;
        match stored {
            Ok(Ok(Some(outcome))) => {
                let endpoint = name.to_owned();
                metrics::counter!("textproof_ingest_stored_total", "endpoint" => endpoint, "outcome" => outcome)
                    .increment(1);
                Answer::Stored
            }
            Ok(Ok(None)) => Answer::BadRequest,
            Ok(Err(error)) => {
                tracing::error!(endpoint = name, %error, "webhook not stored; the sender was told to keep it");
                Answer::NotStored
            }
            Err(_) => {
                tracing::error!(
                    endpoint = name,
                    "webhook not stored in time; the sender was told to keep it"
                );
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

fn outcome(published: Published) -> &'static str {
    match published {
        Published::New => "new",
        Published::Duplicate => "duplicate",
        Published::Conflict => "conflict",
        Published::Healed => "healed",
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
