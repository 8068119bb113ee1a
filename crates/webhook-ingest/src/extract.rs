//! A handler whose signature says that its webhook is genuine.

use axum::extract::{FromRef, FromRequest, Request};

use crate::{
    answer::Answer,
    embed::{VerifiedWebhook, Verifier},
};

/// ```
/// use axum::{Router, extract::FromRef, routing::post};
/// use webhook_ingest::{VerifiedWebhook, Verifier};
///
/// async fn received(webhook: VerifiedWebhook) {
///     match webhook.event() {
///         Ok(event) => println!("{} to act on once", event.id),
///         Err(reason) => println!("kept for later: {reason}"),
///     }
/// }
///
/// #[derive(Clone)]
/// struct App {
///     gateway: Verifier,
/// }
///
/// impl FromRef<App> for Verifier {
///     fn from_ref(app: &App) -> Self {
///         app.gateway.clone()
///     }
/// }
///
/// fn router(app: App) -> Router {
///     Router::new().route("/sms", post(received)).with_state(app)
/// }
/// ```
impl<S> FromRequest<S> for VerifiedWebhook
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Answer;

    async fn from_request(request: Request, state: &S) -> Result<Self, Answer> {
        Verifier::from_ref(state).verify(request).await
    }
}
