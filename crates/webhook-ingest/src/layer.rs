//! A Tower layer: nothing behind it sees a request that is not genuine.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use tower::{Layer, Service};

use crate::embed::Verifier;

/// Verifies every request before the service that it wraps sees it. What is not genuine is answered here. A
/// genuine request goes on with its body as it came, and with a [`VerifiedWebhook`](crate::VerifiedWebhook)
/// among its extensions.
///
/// ```
/// use axum::{Extension, Router, body::Bytes, routing::post};
/// use webhook_ingest::{VerifiedWebhook, Verifier, VerifyLayer};
///
/// async fn received(Extension(webhook): Extension<VerifiedWebhook>, body: Bytes) {
///     assert_eq!(webhook.body(), &body);
/// }
///
/// fn router(gateway: Verifier) -> Router {
///     Router::new().route("/sms", post(received)).layer(VerifyLayer::new(gateway))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct VerifyLayer(Verifier);

impl VerifyLayer {
    /// A layer that asks this verifier.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self(verifier)
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = Verify<S>;

    fn layer(&self, inner: S) -> Verify<S> {
        Verify { inner, verifier: self.0.clone() }
    }
}

/// The service that [`VerifyLayer`] makes.
#[derive(Clone, Debug)]
pub struct Verify<S> {
    inner: S,
    verifier: Verifier,
}

impl<S> Service<Request> for Verify<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready is the one to call; its clone may not be.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let verifier = self.verifier.clone();
        Box::pin(async move {
            match verifier.pass(request).await {
                Ok((mut request, webhook)) => {
                    request.extensions_mut().insert(webhook);
                    inner.call(request).await.map(IntoResponse::into_response)
                }
                Err(answer) => Ok(answer.into_response()),
            }
        })
    }
}
