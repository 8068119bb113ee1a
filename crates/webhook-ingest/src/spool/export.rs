//! The spool as JSON lines, for whoever must read it without a store.

use std::{io, path::Path};

use serde::Serialize;
use textproof::{store::Queue, stream::Outgoing};

use super::{
    SpoolError,
    file::{SpoolFile, Stored},
};

const BATCH: usize = 256;

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    /// The original bytes of the webhook, in base64.
    RawBase64(String),
    /// Bytes that this version cannot read, in base64.
    UnreadableBase64(String),
}

#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    appended_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(flatten)]
    body: Body,
}

/// Writes every entry of a folder's spool, oldest first, one JSON object a line, and those that were put aside behind
/// them. Changes nothing. Returns how many lines there are.
///
/// # Errors
/// [`SpoolError`] when the spool cannot be read or is in use, or `io::Error` from `out` as [`SpoolError::Folder`].
pub fn export(folder: &Path, out: &mut impl io::Write) -> Result<u64, SpoolError> {
    let file = SpoolFile::open(folder)?;
    let mut lines = 0;
    for read in [SpoolFile::oldest, SpoolFile::unreadable] {
        let mut after = None;
        loop {
            let entries = read(&file, after, BATCH)?;
            let Some(last) = entries.last() else { break };
            after = Some(last.number);
            for entry in &entries {
                write(entry, out).map_err(|source| SpoolError::folder(folder, source))?;
                lines += 1;
            }
        }
    }
    Ok(lines)
}

fn write(entry: &Stored, out: &mut impl io::Write) -> io::Result<()> {
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let read = Outgoing::from_bytes(entry.event.clone()).ok();
    let line = Line {
        number: entry.number,
        appended_at_ms: entry.at_ms,
        queue: read.as_ref().map(|outgoing| match outgoing.queue() {
            Queue::Events => "events",
            Queue::Quarantine => "quarantine",
        }),
        event_id: read.as_ref().map(|outgoing| outgoing.id().as_str()),
        body: match &read {
            Some(outgoing) => Body::RawBase64(base64(outgoing.raw())),
            None => Body::UnreadableBase64(base64(&entry.event)),
        },
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
