//! The one thread that writes: it takes what has come meanwhile, commits it at once and answers everybody.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{SpoolError, SpoolLimits, SpoolReport, file::SpoolFile};

/// Appends in one commit. More would only make the first one wait longer.
const BATCH: usize = 256;

pub(super) enum Order {
    Append {
        event: Vec<u8>,
        done: Done,
    },
    Remove {
        entries: Vec<u64>,
        done: Done,
    },
    /// An entry that cannot be read.
    SetAside {
        entry: u64,
        done: Done,
    },
}

pub(super) struct Writer {
    file: Arc<SpoolFile>,
    limits: SpoolLimits,
    report: watch::Sender<SpoolReport>,
    /// Tells the drain, whoever still waits for the answer.
    appended: Arc<Notify>,
}

type Done = oneshot::Sender<Result<(), SpoolError>>;
type Append = (Vec<u8>, Done);

impl Writer {
    pub(super) fn new(
        file: Arc<SpoolFile>,
        limits: SpoolLimits,
        appended: Arc<Notify>,
    ) -> Result<(Self, watch::Receiver<SpoolReport>), SpoolError> {
        let (report, watched) = watch::channel(file.totals()?.into());
        Ok((Self { file, limits, report, appended }, watched))
    }

    /// Works until nobody can order anything any more.
    pub(super) fn run(self, mut orders: mpsc::Receiver<Order>) {
        while let Some(first) = orders.blocking_recv() {
            let mut appends = Vec::new();
            // Removing makes room at once, and comes from one drain: there is nothing to gather.
            let mut act = |order| match order {
                Order::Append { event, done } => appends.push((event, done)),
                Order::Remove { entries, done } => drop(done.send(self.write(|file| file.remove(&entries)))),
                Order::SetAside { entry, done } => drop(done.send(self.write(|file| file.set_aside(entry)))),
            };
            act(first);
            for _ in 1..BATCH {
                let Ok(order) = orders.try_recv() else { break };
                act(order);
            }
            if !appends.is_empty() {
                self.append(appends);
            }
        }
    }

    fn append(&self, appends: Vec<Append>) {
        let at_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let (fits, refused) = self.fits(appends, at_ms);
        // Reported before anybody is answered, so that whoever was refused finds it reported.
        self.refuses(refused.first().map(|(_, limit)| *limit));
        for ((_, done), limit) in refused {
            let _ = done.send(Err(SpoolError::Full(limit)));
        }
        if fits.is_empty() {
            return;
        }
        let written = self.write(|file| file.append(at_ms, fits.iter().map(|(event, _)| event.as_slice())));
        match &written {
            Ok(()) => self.appended.notify_one(),
            Err(error) => self.refuses(Some(error.as_str())),
        }
        for (_, done) in fits {
            let _ = done.send(written.clone());
        }
    }

    fn refuses(&self, reason: Option<&str>) {
        self.report.send_modify(|report| report.refusing = reason.map(str::to_owned));
    }

    /// Which of them the limits leave room for. The first that does not fit ends it: order is kept.
    fn fits(&self, appends: Vec<Append>, now_ms: u64) -> (Vec<Append>, Vec<(Append, &'static str)>) {
        let report = self.report.borrow().clone();
        let too_old =
            report.oldest_age_ms(now_ms).is_some_and(|age| u128::from(age) >= self.limits.age.as_millis());
        let mut bytes = report.bytes;
        let (mut fits, mut refused) = (Vec::new(), Vec::new());
        for append in appends {
            bytes = bytes.saturating_add(append.0.len() as u64);
            match (too_old, bytes > self.limits.bytes) {
                (true, _) => refused.push((append, "age")),
                (_, true) => refused.push((append, "bytes")),
                _ => fits.push(append),
            }
        }
        (fits, refused)
    }

    fn write(&self, act: impl Fn(&SpoolFile) -> Result<(), SpoolError>) -> Result<(), SpoolError> {
        let written = act(&self.file);
        if let Err(error) = &written {
            tracing::error!(%error, "the spool could not write");
        }
        match self.file.totals() {
            Ok(totals) => {
                let refusing = self.report.borrow().refusing.clone().filter(|_| written.is_err());
                self.report.send_replace(SpoolReport { refusing, ..totals.into() });
            }
            Err(error) => tracing::error!(%error, "the spool could not be counted"),
        }
        written
    }
}
