//! Verification for servers that receive webhooks themselves.

use std::{fmt, sync::Arc};

use axum::extract::Request;
use bytes::Bytes;
use jiff::Timestamp;
use textproof::{
    event::Event,
    webhook::{Endpoint, NotUnderstood, Understood},
};
use textproof_service::seats::Seat;

use crate::{
    answer::Answer,
    door::{Door, ReadLimits, Received},
};

/// One endpoint, ready to verify what is posted to it. Clones share its limits.
///
/// The path that requests are posted to is the server's own. Where the endpoint's secret stands in the path, it is
/// the last segment.
#[derive(Clone, Debug)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    door: Door,
}

impl Verifier {
    /// Verifies for this endpoint, within these limits.
    #[must_use]
    pub fn new(endpoint: Endpoint, limits: ReadLimits) -> Self {
        Self(Arc::new(Inner { endpoint, door: Door::new(limits) }))
    }

    /// Reads the request, bounded in bytes and time, and verifies it over the bytes as they came.
    ///
    /// # Errors
    /// The [`Answer`] to give: 404 or 401 with an empty body for what is not authentic, 413 and 408 for a body that
    /// is too long or too slow, 503 when too many come at once, 400 for what no gateway sends. The reason is
    /// in the log and a metric.
    pub async fn verify(&self, request: Request) -> Result<VerifiedWebhook, Answer> {
        self.pass(request).await.map(|(_, webhook)| webhook)
    }

    /// The same, and the request as if it had not been read.
    pub(crate) async fn pass(&self, request: Request) -> Result<(Request, VerifiedWebhook), Answer> {
        let Inner { endpoint, door } = &*self.0;
        let last = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let path_secret = (endpoint.scheme_name() == "path-secret").then_some(last.as_str());
        let received = door.read(endpoint, path_secret, request).await?;
        let verified = received.verify(endpoint, path_secret)?;
        let event = match verified.understand(received.at) {
            Understood::Event { event, .. } => Ok(event),
            Understood::Quarantine { reason, .. } => Err(reason),
            Understood::BadRequest(reason) => {
                tracing::warn!(endpoint = endpoint.name(), %reason, "webhook refused");
                return Err(Answer::BadRequest);
            }
        };
        let (endpoint, secret_id) = (endpoint.name().to_owned(), verified.secret_id().to_owned());
        let Received { head, body, at, turn } = received;
        let again = Request::from_parts(head, body.clone().into());
        let genuine = Genuine { endpoint, secret_id, received_at: at, body, event, _turn: turn };
        Ok((again, VerifiedWebhook(Arc::new(genuine))))
    }
}

/// A webhook whose origin is proved: who has one need not ask again.
///
/// As an argument of an axum handler it verifies the request (the state must hold a [`Verifier`]); behind a
/// [`VerifyLayer`](crate::VerifyLayer) it is among the request's extensions. Clones are the same webhook. It counts
/// among its verifier's webhooks at the same time until the last of them is dropped.
///
/// `Debug` shows no text and no number.
#[derive(Clone)]
pub struct VerifiedWebhook(Arc<Genuine>);

struct Genuine {
    endpoint: String,
    secret_id: String,
    received_at: Timestamp,
    body: Bytes,
    event: Result<Event, NotUnderstood>,
    _turn: Seat,
}

impl VerifiedWebhook {
    /// What it says. Every copy that the gateway sends has the same [`Event::id`]: act once for each.
    ///
    /// # Errors
    /// [`NotUnderstood`]: it is the gateway's own, and of a kind or form that this version does not know. Keep the
    /// [body](Self::body), and answer 200: the gateway would only send the same again.
    pub fn event(&self) -> Result<&Event, NotUnderstood> {
        self.0.event.as_ref().map_err(|reason| *reason)
    }

    /// The bytes that were verified.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// Name of the endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// Id of the secret that matched.
    #[must_use]
    pub fn secret_id(&self) -> &str {
        &self.0.secret_id
    }

    /// When the last of it had come, by this host's clock.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.0.received_at
    }
}

impl fmt::Debug for VerifiedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedWebhook")
            .field("endpoint", &self.endpoint())
            .field("secret_id", &self.secret_id())
            .field("event", &self.event().map(|event| event.id.as_str()))
            .field("body_bytes", &self.body().len())
            .finish()
    }
}
