//! Settling together: what ends while one call is under way is settled by the next one, in one script.
//!
//! An event costs Redis less that way, and a call waits for nothing: the first one goes at once. One that has been
//! asked for is made, whether or not who asked still waits.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::store::{Completed, EventStore, GroupMember, SETTLED_AT_ONCE, StoreError};

/// The way into the next call. Its task ends when this and all clones of it are dropped.
#[derive(Clone)]
pub(super) struct Settling {
    waiting: mpsc::Sender<Waiting>,
}

/// An entry to settle and who waits for its answer.
struct Waiting {
    completed: Completed,
    answer: oneshot::Sender<Result<bool, StoreError>>,
}

impl Settling {
    /// Starts the task, for entries in the hands of this member. As many as fit into a call may wait for the next one;
    /// more callers wait for a place.
    pub(super) fn start(store: Arc<dyn EventStore>, member: GroupMember) -> Self {
        let (waiting, asked) = mpsc::channel(SETTLED_AT_ONCE);
        tokio::spawn(settle(store, member, asked));
        Self { waiting }
    }

    /// Settles in the next call. Returns whether the entry was still this member's.
    pub(super) async fn settle(&self, completed: Completed) -> Result<bool, StoreError> {
        let gone = || StoreError::NoConnection { action: "settle" };
        let (answer, answered) = oneshot::channel();
        self.waiting.send(Waiting { completed, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn settle(store: Arc<dyn EventStore>, member: GroupMember, mut asked: mpsc::Receiver<Waiting>) {
    let mut together = Vec::with_capacity(SETTLED_AT_ONCE);
    while asked.recv_many(&mut together, SETTLED_AT_ONCE).await > 0 {
        let (entries, answers): (Vec<_>, Vec<_>) =
            together.drain(..).map(|Waiting { completed, answer }| (completed, answer)).unzip();
        let settled = store.settle_events(&member, &entries).await;
        for (at, answer) in answers.into_iter().enumerate() {
            let mine = settled.as_ref().map(|settled| settled.get(at).copied().unwrap_or_default());
            // An error says that nobody waits any more.
            let _ = answer.send(mine.map_err(Clone::clone));
        }
    }
}
