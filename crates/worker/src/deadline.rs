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

/// Runs handlers for at most so long, and lets them ask how much of it is left.
pub(crate) async fn within<T>(deadline: Duration, handlers: impl Future<Output = T>) -> Result<T, Elapsed> {
    let end = Instant::now() + deadline;
    timeout_at(end, END.scope(end, handlers)).await
}
