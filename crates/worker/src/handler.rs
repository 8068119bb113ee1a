//! What is done with an event.

use std::time::Duration;

use async_trait::async_trait;
use textproof::{event::Event, store::StoreError};

/// One thing that is done with every event. Handlers run in the order in which they were added, and one that fails keeps
/// the event from those after it until it is tried again: then all of them have it again.
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

    /// Acts on an event. It is cut off at five sixths of the lease, and [`time_left`](crate::time_left) says when; it must
    /// not block its thread: whoever never awaits cannot be cut off.
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
    remedy: Remedy,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What helps. The first of two decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Remedy {
    /// Another try, when this much time has passed. Before [`Remedy::Again`]: tries that were of no use to what has to
    /// wait must not use up the event's own.
    Later(Duration),
    /// Another try; so many are allowed.
    Again,
    Nothing,
}

impl HandlerError {
    /// An error in your own words; the event is tried again.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: Remedy::Again, source: None }
    }

    /// What the event needs is known to be away: it is tried again in about `wait`, between a second and five minutes,
    /// and this does not count as one of its failures, for the first three days of an event.
    pub fn later(reason: impl Into<String>, wait: Duration) -> Self {
        Self { remedy: Remedy::Later(wait), ..Self::new(reason) }
    }

    /// An error that stays one however often the event is tried: it becomes a dead letter at once.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self { remedy: Remedy::Nothing, ..Self::new(reason) }
    }

    /// Whether the event is tried again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.remedy != Remedy::Nothing
    }

    /// How long what the event needs is away, if that is the trouble.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self.remedy {
            Remedy::Later(wait) => Some(wait),
            _ => None,
        }
    }

    /// Of two errors of one event, the one that decides: while anything can still be done, the event is tried again, and
    /// while something has to wait, the event waits with it.
    pub(crate) fn or(self, other: Self) -> Self {
        if other.remedy < self.remedy { other } else { self }
    }
}

/// A store, or a part of it, that is away says nothing of the event: it waits, as for anything else that is away.
impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        const AWAY: Duration = Duration::from_secs(10);
        let remedy = match error {
            StoreError::Unavailable { .. }
            | StoreError::MasterUnavailable { .. }
            | StoreError::NoConnection { .. }
            | StoreError::Unconfirmed { .. } => Remedy::Later(AWAY),
            _ => Remedy::Again,
        };
        Self { reason: error.to_string(), remedy, source: Some(error.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_errors_the_one_that_gives_the_event_most_time_decides() {
        let error = |remedy| HandlerError { remedy, ..HandlerError::new("x") };
        let later = |seconds| Remedy::Later(Duration::from_secs(seconds));
        let in_order = [later(1), later(2), Remedy::Again, Remedy::Nothing];
        for (i, first) in in_order.into_iter().enumerate() {
            for second in &in_order[i..] {
                assert_eq!(error(first).or(error(*second)).remedy, first);
                assert_eq!(error(*second).or(error(first)).remedy, first);
            }
            assert_eq!(error(first).is_retryable(), first != Remedy::Nothing);
        }
    }

    #[test]
    fn a_store_that_is_away_is_waited_for_and_one_that_cannot_be_read_is_not() {
        let action = "test";
        for away in
            [StoreError::NoConnection { action }, StoreError::Unconfirmed { action, confirmed: 0, wanted: 1 }]
        {
            assert!(HandlerError::from(away).wait().is_some());
        }
        for error in [StoreError::Unreadable { action }, StoreError::Contended { action }] {
            let error = HandlerError::from(error);
            assert!(error.is_retryable() && error.wait().is_none(), "{error}");
        }
    }
}
