//! A place elsewhere that is told of each event, under the event's own id.

use std::time::Duration;

use textproof::event::{Content, Event};
use worker::HandlerError;

/// Shorter than any lease in a test.
const TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) struct Target {
    http: reqwest::Client,
    url: String,
}

impl Target {
    pub(crate) fn new(url: String) -> reqwest::Result<Self> {
        // A second installation is refused harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { http: reqwest::Client::builder().timeout(TIMEOUT).build()?, url })
    }

    /// Posts the message id of the event. The id of the event is the key for whoever gets it twice.
    pub(crate) async fn post(&self, event: &Event) -> Result<(), HandlerError> {
        let message = match &event.content {
            Content::Reply(reply) => reply.message_id.clone().unwrap_or_default(),
            Content::DeliveryReport(report) => report.message_id.clone(),
            _ => String::new(),
        };
        let request = self.http.post(&self.url).header("webhook-id", event.id.as_str()).body(message);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(HandlerError::new(format!("the target answered {}", answer.status()))),
            Err(error) => Err(HandlerError::new(format!("the target: {}", error.without_url()))),
        }
    }
}
