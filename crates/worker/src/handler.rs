//! What is done with an event.

use async_trait::async_trait;
use textproof::event::Event;

/// One thing that is done with every event. Handlers run in the order in which they were added.
///
/// An event can come more than once: a worker may die after the effect and before the event is settled.
/// Make the effect a merge, or key it by [`Event::id`], which never changes. An event whose handler panics
/// is put off like one whose handler failed; keep texts and numbers out of panic messages, which go to stderr.
///
/// ```
/// use async_trait::async_trait;
/// use textproof::event::{Content, Event};
/// use worker::{Handler, HandlerError};
///
/// #[derive(Debug)]
/// struct CountReplies;
///
/// #[async_trait]
/// impl Handler for CountReplies {
///     fn name(&self) -> &'static str {
///         "count replies"
///     }
///
///     async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
///         if let Content::Reply(reply) = &event.content {
///             println!("{} texted {} characters", event.id, reply.text.chars().count());
///         }
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Handler: Send + Sync {
    /// The name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Acts on an event. It is cut off at five sixths of the lease, so it must not block its thread: whoever never
    /// awaits cannot be cut off.
    ///
    /// # Errors
    /// [`HandlerError`]: the event is put off and tried again, or, when that is of no use, it becomes a dead letter.
    async fn handle(&self, event: &Event) -> Result<(), HandlerError>;
}

/// A handler could not act on an event. Must not contain what a person wrote, or a full number.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct HandlerError {
    reason: String,
    retryable: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HandlerError {
    /// An error in your own words; the event is tried again.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retryable: true, source: None }
    }

    /// An error that stays one however often the event is tried: it becomes a dead letter at once.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self { retryable: false, ..Self::new(reason) }
    }

    /// Whether the event is tried again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl From<textproof::store::StoreError> for HandlerError {
    fn from(error: textproof::store::StoreError) -> Self {
        Self { reason: error.to_string(), retryable: true, source: Some(error.into()) }
    }
}
