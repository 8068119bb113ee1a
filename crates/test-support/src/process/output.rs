//! What a child writes, collected by a thread as it comes.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// One pipe of a child process. The thread ends with the pipe.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    pub(super) fn collect(pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let bytes = Arc::clone(&bytes);
            move || read_all(pipe, &bytes)
        });
        Self { bytes, reader }
    }

    /// True when the pipe is closed and everything in it has been collected.
    pub(super) fn ended(&self) -> bool {
        self.reader.is_finished()
    }

    pub(super) fn text(&self) -> String {
        self.with(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The first whole line that begins with `prefix`.
    pub(super) fn line(&self, prefix: &str) -> Option<String> {
        let text = self.text();
        let whole = &text[..text.rfind('\n')?];
        whole.lines().find(|line| line.starts_with(prefix)).map(str::to_owned)
    }

    pub(super) fn with<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        read(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read_all(mut pipe: impl Read, into: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 8192];
    // An error ends the reading like the end of the pipe does.
    while let Ok(read @ 1..) = pipe.read(&mut chunk) {
        into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..read]);
    }
}
