//! What is done with one entry: a deadline on every handler, and one owner-checked step at the end.
//!
//! ```text
//! entry ──► no event ─────────────► dead letter (a later release's: left to it, until it was started too often)
//!       ├─► started too often ────► dead letter
//!       └─► handlers ─┬─ all well ► settled
//!                     ├─ failed ──► put off: 1 s, doubling to 5 min, with full jitter; after too many, dead letter
//!                     ├─ later ───► put off for as long as they say, not counted in an event's first three days
//!                     ├─ for good ► dead letter
//!                     └─ a stop ──► given back, and this start is not counted
//! ```
//! A process that dies leaves the entry pending: that start has no answer, and is counted by the store.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;
use rand::RngExt;
use textproof::{
    event::Event,
    store::StoreError,
    stream::{Delivery, Unreadable},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Handler, HandlerError, deadline::within};

/// The delay after the first failure, and the longest one.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(300);
/// How long an event waits for what it needs before waiting counts as failing: longer than a weekend.
const PATIENCE: Duration = Duration::from_secs(72 * 3600);

/// How often an event is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Starts without an answer.
    pub(crate) starts: u64,
    /// Failures of handlers.
    pub(crate) failures: u32,
}

/// What every entry is given to.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) handlers: Arc<[Box<dyn Handler>]>,
    pub(crate) deadline: Duration,
    pub(crate) limits: Limits,
    /// Cancelled when a stop waits no longer.
    pub(crate) give_back: CancellationToken,
}

/// How the work on an entry ended.
#[derive(Debug)]
enum Outcome {
    Done,
    Failed(String),
    FailedForGood(String),
    /// What it needs is away for about so long.
    PutOff(String, Duration),
    Panicked,
    Late,
    GivenBack,
    Unreadable,
    /// Nothing was tried: another release can read it.
    LeftToOthers,
    StartedTooOften,
}

impl Work {
    /// Has every handler act on the event, then settles it, puts it off, buries it or gives it back.
    pub(crate) async fn on(&self, delivery: Delivery) {
        let start = Instant::now();
        let id = delivery.id().to_owned();
        let outcome = self.act(&delivery).await;
        let word = match self.finish(delivery, &outcome).await {
            Ok(true) => outcome.as_str(),
            Ok(false) => {
                tracing::info!(event = id, "another worker has the event by now");
                "taken_over"
            }
            Err(error) => {
                tracing::warn!(event = id, %error, "the event could not be settled and will come back");
                "not_settled"
            }
        };
        metrics::counter!("textproof_worker_events_total", "outcome" => word).increment(1);
        metrics::histogram!("textproof_worker_event_seconds").record(start.elapsed().as_secs_f64());
    }

    async fn act(&self, delivery: &Delivery) -> Outcome {
        let started_too_often = delivery.deliveries() > self.limits.starts;
        let event = match delivery.event() {
            Err(Unreadable::Malformed) => return Outcome::Unreadable,
            Err(Unreadable::Newer) if started_too_often => return Outcome::Unreadable,
            Err(Unreadable::Newer) => return Outcome::LeftToOthers,
            Ok(_) if started_too_often => return Outcome::StartedTooOften,
            Ok(event) => event,
        };
        let acted = self.handle(event, waited_enough(delivery.tried_since_ms()));
        let acted = within(self.deadline, AssertUnwindSafe(acted).catch_unwind());
        tokio::select! {
            biased;
            // First: what has acted is not given back to act again.
            acted = acted => match acted {
                Ok(Ok(outcome)) => outcome,
                // What it said may hold what a person wrote: only the panic hook prints it.
                Ok(Err(_)) => {
                    tracing::error!(event = %event.id, "a handler panicked");
                    Outcome::Panicked
                }
                Err(_) => {
                    let deadline_ms = self.deadline.as_millis();
                    tracing::warn!(event = %event.id, deadline_ms, "the handlers took too long");
                    Outcome::Late
                }
            },
            () = self.give_back.cancelled() => Outcome::GivenBack,
        }
    }

    async fn handle(&self, event: &Event, waited_enough: bool) -> Outcome {
        for handler in self.handlers.iter() {
            if let Err(error) = handler.handle(event).await {
                // Whoever asks for patience has said why: events that wait are many.
                if error.wait().is_some() {
                    tracing::debug!(event = %event.id, handler = handler.name(), %error, "a handler asks for time");
                } else {
                    tracing::warn!(event = %event.id, handler = handler.name(), %error, "a handler failed");
                }
                return failed(handler.name(), &error, waited_enough);
            }
        }
        Outcome::Done
    }

    /// The one step at the end. Returns whether the entry was still ours.
    async fn finish(&self, delivery: Delivery, outcome: &Outcome) -> Result<bool, StoreError> {
        match outcome {
            Outcome::Done => delivery.ack().await,
            Outcome::GivenBack => delivery.release().await,
            Outcome::LeftToOthers => Ok(true),
            Outcome::Unreadable => bury(delivery, "unreadable", None).await,
            Outcome::StartedTooOften => bury(delivery, "starts", None).await,
            Outcome::FailedForGood(error) => bury(delivery, "fatal", Some(error)).await,
            Outcome::Failed(error) => self.again(delivery, error).await,
            Outcome::PutOff(error, wait) => {
                let delay = at_least(*wait);
                tracing::debug!(event = delivery.id(), delay_ms = delay.as_millis(), "the event waits");
                delivery.postpone(delay, error).await
            }
            Outcome::Panicked => self.again(delivery, "a handler panicked").await,
            Outcome::Late => {
                let error = format!("the handlers took longer than {:?}", self.deadline);
                self.again(delivery, &error).await
            }
        }
    }

    async fn again(&self, delivery: Delivery, error: &str) -> Result<bool, StoreError> {
        let failures = delivery.failures().count.saturating_add(1);
        if failures >= self.limits.failures {
            return bury(delivery, "failures", Some(error)).await;
        }
        let delay = full_jitter(failures);
        tracing::info!(event = delivery.id(), failures, delay_ms = delay.as_millis(), "the event is put off");
        delivery.delay(delay, error).await
    }
}

impl Outcome {
    /// A stable word for metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::FailedForGood(_) => "failed_for_good",
            Self::PutOff(..) => "put_off",
            Self::Panicked => "panicked",
            Self::Late => "late",
            Self::GivenBack => "given_back",
            Self::Unreadable => "unreadable",
            Self::LeftToOthers => "left_to_others",
            Self::StartedTooOften => "started_too_often",
        }
    }
}

fn failed(handler: &str, error: &HandlerError, waited_enough: bool) -> Outcome {
    let said = format!("{handler}: {error}");
    match error.wait() {
        Some(wait) if !waited_enough => Outcome::PutOff(said, wait),
        _ if error.is_retryable() => Outcome::Failed(said),
        _ => Outcome::FailedForGood(said),
    }
}

fn waited_enough(tried_since_ms: u64) -> bool {
    let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    u128::from(now.saturating_sub(tried_since_ms)) > PATIENCE.as_millis()
}

async fn bury(delivery: Delivery, reason: &'static str, error: Option<&str>) -> Result<bool, StoreError> {
    let (event, starts) = (delivery.id().to_owned(), delivery.deliveries());
    tracing::error!(event, reason, starts, "the event is a dead letter");
    let buried = delivery.bury(reason, error).await?;
    if buried {
        metrics::counter!("textproof_worker_dead_letters_total", "reason" => reason).increment(1);
    }
    Ok(buried)
}

/// Anything up to a delay that doubles with every failure, so that what failed together does not come back together.
fn full_jitter(failures: u32) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_DELAY).mul_f64(rand::rng().random_range(0.0..=1.0))
}

/// The wait and up to half of it, so that what waited for one thing does not come back together.
fn at_least(wait: Duration) -> Duration {
    wait.clamp(FIRST_DELAY, LONGEST_DELAY * 2 / 3).mul_f64(rand::rng().random_range(1.0..=1.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_comes_back_after_its_time_and_not_together() {
        for (wait, shortest, longest) in
            [(0, 1_000, 1_500), (10_000, 10_000, 15_000), (3_600_000, 200_000, 300_000)]
        {
            let drawn: Vec<_> =
                (0..1_000).map(|_| at_least(Duration::from_millis(wait)).as_millis()).collect();
            assert!(drawn.iter().all(|delay| (shortest..=longest).contains(delay)), "{wait}");
            let middle = (shortest + longest) / 2;
            assert!(drawn.iter().any(|delay| *delay < middle) && drawn.iter().any(|delay| *delay > middle));
        }
    }

    #[test]
    fn delays_double_up_to_five_minutes_and_are_jittered_from_nothing() {
        for (failures, longest) in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (4_000, 300)] {
            let drawn: Vec<_> = (0..1_000).map(|_| full_jitter(failures)).collect();
            let longest = Duration::from_secs(longest);
            assert!(drawn.iter().all(|delay| *delay <= longest), "{failures}");
            assert!(drawn.iter().any(|delay| *delay > longest / 2), "{failures}");
            assert!(drawn.iter().any(|delay| *delay < longest / 10), "{failures}");
        }
    }
}
