//! How much time the handlers of an event have left.

use std::time::Duration;

use tokio::{
    task_local,
    time::{Instant, error::Elapsed, timeout_at},
};

task_local! {
    static END: Instant;
}

/// Time that the handlers of the present event have left: a call of a handler should end before that. `None` outside
/// of a [`Worker`](crate::Worker), where there is no deadline, and in tasks that a handler spawns.
#[must_use]
pub fn time_left() -> Option<Duration> {
    END.try_with(|end| end.saturating_duration_since(Instant::now())).ok()
}

/// What is kept of an event's time, so that there is some left to say how a call ended.
const KEPT_FOR_THE_END: Duration = Duration::from_millis(500);
/// A call with less than this is not begun.
const CALL_AT_LEAST: Duration = Duration::from_millis(100);

/// How long a call to somebody else may take now: at most `at_most`, and no longer than the event has time. `None` when
/// that is too little to begin.
pub(crate) fn call_timeout(at_most: Duration) -> Option<Duration> {
    cut(at_most, time_left())
}

fn cut(at_most: Duration, left: Option<Duration>) -> Option<Duration> {
    let Some(left) = left else { return Some(at_most) };
    let timeout = left.saturating_sub(KEPT_FOR_THE_END).min(at_most);
    (timeout >= CALL_AT_LEAST).then_some(timeout)
}

/// Runs handlers for at most so long, and lets them ask how much of it is left.
pub(crate) async fn within<T>(deadline: Duration, handlers: impl Future<Output = T>) -> Result<T, Elapsed> {
    let end = Instant::now() + deadline;
    timeout_at(end, END.scope(end, handlers)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_before_its_event_does() {
        let ms = Duration::from_millis;
        for (left, timeout) in [
            (None, Some(ms(10_000))),
            (Some(ms(25_000)), Some(ms(10_000))),
            (Some(ms(10_400)), Some(ms(9_900))),
            (Some(ms(833)), Some(ms(333))),
            (Some(ms(600)), Some(ms(100))),
            (Some(ms(599)), None),
            (Some(ms(0)), None),
        ] {
            assert_eq!(cut(ms(10_000), left), timeout, "{left:?}");
        }
    }
}
