//! The spool: events that the store could not take wait here, on disk, until it can.
//!
//! One embedded database in one file (`events.redb`), written by one thread that commits whole batches, each with one
//! fsync: what has been answered 200 is on disk, what is torn by a crash was never answered. Entries have ascending
//! numbers and are drained in that order through the same publish script that everything else goes through, so an
//! event that reached the store all the same is found there to be a duplicate.
//!
//! ```text
//! append ──► queue (bounded) ──► writer: batch, commit, fsync ──► Ok ──► 200
//!                                   │
//! drain: oldest entries ──► publish in order ──► remove ◄┘   (stops at the first that the store does not take)
//! ```
//!
//! Nothing that was acknowledged is ever dropped to make room: at a limit of bytes or age, or on a full disk, new events
//! are refused and the sender is told 503. An entry that this version cannot read stays where it is and is passed over.

mod drain;
mod export;
mod file;
mod report;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use textproof::stream::Outgoing;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::Instant,
};

pub use drain::{Drained, Drainer, Erasures};
pub use export::export;
pub use file::SpoolError;
pub use report::SpoolReport;

use file::SpoolFile;
use writer::{Order, Writer};

/// Orders that wait for the writer; beyond them an append waits, within its caller's deadline.
const QUEUE: usize = 1024;
/// How often a spool is tried that another process has.
const POLL: Duration = Duration::from_millis(100);

/// How much the spool holds at most.
#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    /// Bytes of events.
    pub bytes: u64,
    /// Age of the oldest event.
    pub age: Duration,
}

impl Default for SpoolLimits {
    /// A gibibyte and six days: a day less than an event's identity is remembered, so that there is a day to drain what
    /// reached the store all the same while it is still known there.
    fn default() -> Self {
        Self { bytes: 1 << 30, age: Duration::from_secs(6 * 86_400) }
    }
}

/// A handle on the spool of one process. Clones are the same spool.
#[derive(Clone)]
pub struct Spool {
    orders: mpsc::Sender<Order>,
    file: Arc<SpoolFile>,
    report: watch::Receiver<SpoolReport>,
    appended: Arc<Notify>,
}

impl Spool {
    /// Opens the spool of a folder, which is made if it is missing. One process at a time has it.
    ///
    /// # Errors
    /// [`SpoolError`]: the folder cannot be used, or another process has the spool.
    pub fn open(folder: &Path, limits: SpoolLimits) -> Result<Self, SpoolError> {
        let file = Arc::new(SpoolFile::open(folder)?);
        let (orders, received) = mpsc::channel(QUEUE);
        let appended = Arc::new(Notify::new());
        let (writer, report) = Writer::new(Arc::clone(&file), limits, Arc::clone(&appended))?;
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer.run(received))
            .map_err(|source| SpoolError::folder(folder, source))?;
        Ok(Self { orders, file, report, appended })
    }

    /// As [`Spool::open`], and waits for the process that has it, for it may be about to end.
    ///
    /// # Errors
    /// As [`Spool::open`]; [`SpoolError::InUse`] when the other process still has it after `within`.
    pub async fn open_when_free(
        folder: &Path,
        limits: SpoolLimits,
        within: Duration,
    ) -> Result<Self, SpoolError> {
        let deadline = Instant::now() + within;
        let mut waiting = false;
        loop {
            match Self::open(folder, limits) {
                Err(SpoolError::InUse(_)) if Instant::now() < deadline => {
                    if !std::mem::replace(&mut waiting, true) {
                        tracing::warn!("the spool belongs to another process; waiting for it to end");
                    }
                    tokio::time::sleep(POLL).await;
                }
                opened => return opened,
            }
        }
    }

    /// Where the file of a folder's spool is.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        file::path(folder)
    }

    /// Appends an event; returns when it is on disk.
    ///
    /// # Errors
    /// [`SpoolError`]: it is not in the spool. When the caller gives up waiting, it may be or not.
    pub async fn append(&self, outgoing: &Outgoing) -> Result<(), SpoolError> {
        let (done, told) = oneshot::channel();
        self.order(Order::Append { event: outgoing.to_bytes(), done }).await?;
        told.await.map_err(|_| SpoolError::Ended)?
    }

    /// What the spool holds, as of the last write.
    #[must_use]
    pub fn report(&self) -> SpoolReport {
        self.report.borrow().clone()
    }

    /// Whether it took what it was last given, and has somebody to write it.
    #[must_use]
    pub fn takes_more(&self) -> bool {
        self.report.borrow().refusing.is_none() && !self.orders.is_closed()
    }

    /// Removes entries that the store has by now.
    async fn remove(&self, entries: Vec<u64>) -> Result<(), SpoolError> {
        let (done, told) = oneshot::channel();
        self.order(Order::Remove { entries, done }).await?;
        told.await.map_err(|_| SpoolError::Ended)?
    }

    async fn set_aside(&self, entry: u64) -> Result<(), SpoolError> {
        let (done, told) = oneshot::channel();
        self.order(Order::SetAside { entry, done }).await?;
        told.await.map_err(|_| SpoolError::Ended)?
    }

    async fn order(&self, order: Order) -> Result<(), SpoolError> {
        self.orders.send(order).await.map_err(|_| SpoolError::Ended)
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("report", &self.report()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
