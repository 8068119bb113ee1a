//! A primary that Sentinel watches over: which server it is, and a [`Node`] for it.
//!
//! The client library asks the sentinels once and never again, and its pools take a server that answers `PING` for
//! the primary it once was. Here a task on the driver's thread follows the primary. Callers see one cell: a server
//! whose `ROLE` was looked at when its connections were opened, or none. A lost connection is never opened again
//! behind anybody's back, since a server that comes back may be a replica that answers with old data: the cell is
//! emptied, and the next call has the sentinels asked.

mod search;

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use redis::{ConnectionInfo, ErrorKind, RedisError, RedisResult};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use self::search::Search;
use super::{
    RedisSetupError,
    node::{Node, Timeouts},
    refusal,
};

/// How often the sentinels are asked while nothing seems wrong: a primary that was cut off from them may not have
/// closed its connections, and would take writes that its successor never has.
const WATCH: Duration = Duration::from_secs(3);
/// The sentinels are not asked more often than this, whatever happens.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Nor less often, while somebody waits for a primary.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

pub(super) struct Sentinel {
    timeouts: Timeouts,
    search: Arc<Search>,
    found: Arc<watch::Sender<Found>>,
    wake: Arc<Notify>,
}

/// What is known of the primary.
#[derive(Default)]
struct Found {
    primary: Option<Arc<Node>>,
    /// Why there is none.
    failure: Option<RedisError>,
}

impl Sentinel {
    /// Starts to follow the primary `name`; nobody is asked before the first call. The task ends with the driver.
    pub(super) fn new(
        sentinels: Vec<ConnectionInfo>,
        name: String,
        template: ConnectionInfo,
        timeouts: Timeouts,
        driver: &Handle,
    ) -> Result<Self, RedisSetupError> {
        let search = Arc::new(Search::new(sentinels, name, template, timeouts, driver)?);
        let sentinel = Self { timeouts, search, found: Arc::default(), wake: Arc::default() };
        let (search, found) = (Arc::clone(&sentinel.search), Arc::clone(&sentinel.found));
        driver.spawn(follow(search, found, Arc::clone(&sentinel.wake)));
        Ok(sentinel)
    }

    /// How long a call may wait for a primary.
    pub(super) fn patience(&self) -> Duration {
        self.timeouts.response
    }

    /// The primary, as soon as there is one.
    ///
    /// # Errors
    /// Why none was found, when `deadline` has passed.
    pub(super) async fn primary(&self, deadline: Instant) -> RedisResult<Arc<Node>> {
        if let Some(primary) = &self.found.borrow().primary {
            return Ok(Arc::clone(primary));
        }
        // The search goes on as long as somebody is subscribed: no caller that gives up cuts it off for the others.
        let mut found = self.found.subscribe();
        self.wake.notify_one();
        if let Ok(Ok(found)) = timeout_at(deadline, found.wait_for(|found| found.primary.is_some())).await
            && let Some(primary) = &found.primary
        {
            return Ok(Arc::clone(primary));
        }
        let failure = self.found.borrow().failure.clone();
        Err(failure.unwrap_or_else(|| (ErrorKind::Client, "no sentinel has named a primary in time").into()))
    }

    /// Whether calls still go to this server.
    pub(super) fn is_primary(&self, node: &Arc<Node>) -> bool {
        self.found.borrow().primary.as_ref().is_some_and(|primary| Arc::ptr_eq(primary, node))
    }

    /// Takes an error of this server: it may not be the primary any more.
    pub(super) fn doubt(&self, node: &Arc<Node>, error: &RedisError) {
        if error.is_timeout() || refusal::is_loading(error) {
            // It may only be slow. If the sentinels know better, they say so.
            self.look();
        } else if error.is_io_error() || error.is_connection_dropped() || refusal::is_demoted(error) {
            self.lose(node);
        }
    }

    /// Takes the server for lost: whoever calls next waits until the sentinels have been asked.
    pub(super) fn lose(&self, node: &Arc<Node>) {
        self.found.send_if_modified(|found| {
            let lost = found.primary.as_ref().is_some_and(|primary| Arc::ptr_eq(primary, node));
            if lost {
                *found = Found::default();
            }
            lost
        });
        self.wake.notify_one();
    }

    /// Has the sentinels asked soon whether it is another server by now.
    pub(super) fn look(&self) {
        self.wake.notify_one();
    }

    /// How many of the sentinels name the primary that is used, and how many there are.
    pub(super) async fn votes(&self) -> (usize, usize) {
        let primary = self.found.borrow().primary.clone();
        self.search.votes_for(primary.as_deref().and_then(|primary| primary.address.as_ref())).await
    }
}

/// Looks for the primary while somebody waits for it, and watches it while there is one.
async fn follow(search: Arc<Search>, found: Arc<watch::Sender<Found>>, wake: Arc<Notify>) {
    let (mut failures, mut not_before) = (0_u32, Instant::now());
    loop {
        let known = found.borrow().primary.clone();
        match &known {
            // A time-out is the other reason to look.
            Some(_) => drop(timeout(jittered(WATCH), wake.notified()).await),
            None if found.receiver_count() == 0 => wake.notified().await,
            None => {}
        }
        sleep_until(not_before).await;
        not_before = Instant::now() + jittered(SHORTEST_PAUSE);
        let known = found.borrow().primary.clone();
        if let Some(primary) = known {
            if let Some(other) = search.successor_of(&primary).await {
                tracing::warn!(server = %search.named(&other), "the sentinels name another primary");
                found.send_replace(Found { primary: Some(other), failure: None });
            }
        } else if found.receiver_count() > 0 {
            match search.primary().await {
                Ok(primary) => {
                    tracing::info!(server = %search.named(&primary), "the sentinels name a primary");
                    failures = 0;
                    found.send_replace(Found { primary: Some(primary), failure: None });
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(%error, "no primary can be used; the sentinels are asked again");
                    }
                    found.send_replace(Found { primary: None, failure: Some(error) });
                    sleep(jittered(LONGEST_PAUSE.min(SHORTEST_PAUSE * (1 << failures.min(8))))).await;
                    failures += 1;
                }
            }
        }
    }
}

/// Never the same for all whose primary was lost at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}
