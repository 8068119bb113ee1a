//! The database file: entries by ascending number, and their size in all.

use std::{
    fs, io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    TableDefinition,
};

/// Number → 8 bytes time of the append (milliseconds since the Unix epoch, this host's clock), then the event.
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
/// Entries that this version could not read, with their numbers: kept for whoever can.
const UNREADABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("unreadable");
/// `bytes` → size of all entries; `next` → number of the next entry, which is never given twice.
const TOTALS: TableDefinition<'_, &str, u64> = TableDefinition::new("totals");
const TIME_BYTES: usize = 8;
/// Bytes of the file that are kept in memory; left to itself, the database keeps a gibibyte.
const CACHE: usize = 16 << 20;

/// Why the spool cannot be used, or cannot take an event.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The folder cannot be made or written.
    #[error("the spool folder {} cannot be used: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Another process has it.
    #[error("the spool in {} belongs to a running process", .0.display())]
    InUse(PathBuf),
    /// The database could not read or write: a full disk, for example.
    #[error("the spool cannot be read or written: {0}")]
    Database(#[source] Arc<redb::Error>),
    /// A limit is reached: nothing more is taken until it has been drained.
    #[error("the spool is full: its limit of {0} is reached")]
    Full(&'static str),
    /// Its writer has ended.
    #[error("the spool's writer has ended")]
    Ended,
}

impl SpoolError {
    pub(super) fn folder(folder: &Path, source: io::Error) -> Self {
        Self::Folder { folder: folder.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(Arc::new(error.into()))
    }

    /// A stable word for metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "folder",
            Self::InUse(_) => "in_use",
            Self::Database(_) => "disk",
            Self::Full(_) => "full",
            Self::Ended => "ended",
        }
    }
}

/// An entry as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) number: u64,
    /// Milliseconds since the Unix epoch, by the clock of the host that appended it.
    pub(super) at_ms: u64,
    pub(super) event: Vec<u8>,
}

/// Number and size of all entries, and the age of the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) oldest_at_ms: Option<u64>,
    pub(super) unreadable: u64,
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("events.redb")
}

/// The file. After a failure the database refuses everything until it is opened again, so it is closed, and whoever
/// comes next opens it: what was committed is there, and nothing else.
pub(super) struct SpoolFile {
    folder: PathBuf,
    database: RwLock<Option<Database>>,
}

impl SpoolFile {
    pub(super) fn open(folder: &Path) -> Result<Self, SpoolError> {
        make(folder).map_err(|source| SpoolError::folder(folder, source))?;
        let database = RwLock::new(Some(database(folder)?));
        Ok(Self { folder: folder.to_owned(), database })
    }

    /// Closes the file until it is used again.
    pub(super) fn close(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, SpoolError> {
        let done = self.opened(act)?;
        done.map_err(|error| {
            self.close();
            SpoolError::database(error)
        })
    }

    fn opened<T>(&self, act: impl FnOnce(&Database) -> T) -> Result<T, SpoolError> {
        loop {
            if let Some(database) = &*self.database.read().unwrap_or_else(PoisonError::into_inner) {
                return Ok(act(database));
            }
            let mut slot = self.database.write().unwrap_or_else(PoisonError::into_inner);
            if slot.is_none() {
                *slot = Some(database(&self.folder)?);
            }
        }
    }

    /// Appends in this order, in one commit that is on disk when this returns.
    pub(super) fn append<'a>(
        &self,
        at_ms: u64,
        events: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), SpoolError> {
        self.with(|database| {
            let writing = database.begin_write()?;
            {
                let (mut entries, mut totals) = (writing.open_table(ENTRIES)?, writing.open_table(TOTALS)?);
                let mut next = total(&totals, "next")?;
                let mut bytes = total(&totals, "bytes")?;
                for event in events {
                    let value = [&at_ms.to_be_bytes(), event].concat();
                    bytes += value.len() as u64;
                    entries.insert(next, value.as_slice())?;
                    next += 1;
                }
                totals.insert("next", next)?;
                totals.insert("bytes", bytes)?;
            }
            Ok(writing.commit()?)
        })
    }

    pub(super) fn remove(&self, numbers: &[u64]) -> Result<(), SpoolError> {
        self.with(|database| {
            let writing = database.begin_write()?;
            {
                let (mut entries, mut totals) = (writing.open_table(ENTRIES)?, writing.open_table(TOTALS)?);
                let mut bytes = total(&totals, "bytes")?;
                for number in numbers {
                    let removed = entries.remove(number)?.map_or(0, |value| value.value().len() as u64);
                    bytes = bytes.saturating_sub(removed);
                }
                totals.insert("bytes", bytes)?;
            }
            Ok(writing.commit()?)
        })
    }

    /// Puts an entry aside that cannot be read, so that it neither stands in the way nor is lost.
    pub(super) fn set_aside(&self, number: u64) -> Result<(), SpoolError> {
        self.with(|database| {
            let writing = database.begin_write()?;
            {
                let (mut entries, mut aside) =
                    (writing.open_table(ENTRIES)?, writing.open_table(UNREADABLE)?);
                let mut totals = writing.open_table(TOTALS)?;
                if let Some(value) = entries.remove(number)? {
                    aside.insert(number, value.value())?;
                    let bytes = total(&totals, "bytes")?.saturating_sub(value.value().len() as u64);
                    totals.insert("bytes", bytes)?;
                }
            }
            Ok(writing.commit()?)
        })
    }

    /// The oldest entries after a number, at most so many.
    pub(super) fn oldest(&self, after: Option<u64>, most: usize) -> Result<Vec<Stored>, SpoolError> {
        self.read(ENTRIES, after, most)
    }

    /// The same of those that were put aside.
    pub(super) fn unreadable(&self, after: Option<u64>, most: usize) -> Result<Vec<Stored>, SpoolError> {
        self.read(UNREADABLE, after, most)
    }

    fn read(
        &self,
        table: TableDefinition<'_, u64, &'static [u8]>,
        after: Option<u64>,
        most: usize,
    ) -> Result<Vec<Stored>, SpoolError> {
        self.with(|database| {
            let entries = database.begin_read()?.open_table(table)?;
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut found = Vec::new();
            for entry in entries.range((from, Bound::Unbounded))?.take(most) {
                let (number, value) = entry?;
                let value = value.value();
                let (at_ms, event) = (time(value), value.get(TIME_BYTES..).unwrap_or_default().to_vec());
                found.push(Stored { number: number.value(), at_ms, event });
            }
            Ok(found)
        })
    }

    pub(super) fn totals(&self) -> Result<Totals, SpoolError> {
        self.with(|database| {
            let reading = database.begin_read()?;
            let (entries, totals) = (reading.open_table(ENTRIES)?, reading.open_table(TOTALS)?);
            let unreadable = reading.open_table(UNREADABLE)?.len()?;
            let oldest_at_ms = entries.first()?.map(|(_, value)| time(value.value()));
            Ok(Totals { entries: entries.len()?, bytes: total(&totals, "bytes")?, oldest_at_ms, unreadable })
        })
    }
}

fn time(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn total(
    totals: &impl redb::ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, redb::StorageError> {
    Ok(totals.get(name)?.map_or(0, |value| value.value()))
}

/// Replies are in there in clear: the folder and the file are the owner's alone.
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path(folder))?;
    if is_unfinished(&mut file)? && file.try_lock().is_ok() {
        // Nothing was ever in there. Asked again, since another process may have finished it before the lock was ours.
        if is_unfinished(&mut file)? {
            file.set_len(0)?;
        }
        file.unlock()?;
    }
    // The new name must survive a crash as well as what is written under it.
    fs::File::open(folder)?.sync_all()
}

/// Whether a crash, or a full disk, interrupted the making of the file: its first bytes are written last.
fn is_unfinished(file: &mut fs::File) -> io::Result<bool> {
    use std::io::{Read as _, Seek as _};
    let mut first = Vec::new();
    file.rewind()?;
    file.take(9).read_to_end(&mut first)?;
    Ok(!first.is_empty() && first.iter().all(|byte| *byte == 0))
}

fn database(folder: &Path) -> Result<Database, SpoolError> {
    let database =
        Builder::new().set_cache_size(CACHE).create(path(folder)).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => SpoolError::InUse(folder.to_owned()),
            error => SpoolError::database(error),
        })?;
    // Made at once, so that reading never has to ask whether they are there.
    let tables = |database: &Database| -> Result<(), redb::Error> {
        let writing = database.begin_write()?;
        writing.open_table(ENTRIES)?;
        writing.open_table(TOTALS)?;
        writing.open_table(UNREADABLE)?;
        Ok(writing.commit()?)
    };
    tables(&database).map_err(SpoolError::database)?;
    Ok(database)
}
