//! Telling the operator about secrets that end: in the log as soon as there is something to say, and on the
//! readiness page as long as there is.

use std::{collections::HashSet, mem::discriminant, time::Duration};

use jiff::Timestamp;
use textproof::webhook::RotationNotice;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::Ingest;

/// How soon the use of a secret that ends is in the log.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a notice that stays is not repeated in the log.
const REPEAT_EVERY: Duration = Duration::from_secs(24 * 3600);

impl Ingest {
    /// What to do about the secrets of all endpoints at `now`, a line each; empty when nothing.
    #[must_use]
    pub fn rotation_notices(&self, now: Timestamp) -> Vec<String> {
        self.notices(now).map(|(endpoint, notice)| format!("endpoint {endpoint}: {notice}")).collect()
    }

    /// Logs what [`Ingest::rotation_notices`] says: at once when it is new, then once a day, until `shutdown`.
    pub async fn watch_secrets(&self, shutdown: CancellationToken) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = HashSet::new();
        let mut since = Instant::now();
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if since.elapsed() >= REPEAT_EVERY {
                said.clear();
                since = Instant::now();
            }
            for (endpoint, notice) in self.notices(Timestamp::now()) {
                // A later use of the same secret is no news.
                let secret = notice.secret_id().map(str::to_owned);
                if said.insert((endpoint.to_owned(), discriminant(&notice), secret)) {
                    tracing::warn!(endpoint, "{notice}");
                }
            }
        }
    }

    fn notices(&self, now: Timestamp) -> impl Iterator<Item = (&str, RotationNotice)> {
        self.endpoints().flat_map(move |endpoint| {
            let named = |notice| (endpoint.name(), notice);
            endpoint.rotation_notices(now).into_iter().map(named)
        })
    }
}
