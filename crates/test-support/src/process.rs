//! Real binaries as child processes.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::{eventually, eventually_true, redis_dump, signal};

mod output;

use output::Output;

const LISTEN_DEADLINE: Duration = Duration::from_secs(30);
const LAST_WORDS_DEADLINE: Duration = Duration::from_secs(5);
/// All that a child inherits: a test says the rest itself, whatever the developer's shell holds.
const INHERITED: [&str; 6] =
    ["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE", "SSL_CERT_DIR"];

/// The binary `name` of this workspace, beside the running test: `target/<profile>/name`.
///
/// # Panics
/// When it has not been built, with the command that builds it.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests run in target/<profile>/deps");
    let path = profile.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is missing: run cargo build --bin {name}", path.display());
    path
}

/// A command that is about to become a [`Process`].
#[derive(Debug)]
pub struct ProcessBuilder {
    command: Command,
    name: String,
    stdin: Stdio,
}

impl ProcessBuilder {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable. Of the test's own environment the child sees PATH, HOME and little else.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.command.current_dir(dir.into());
        self
    }

    /// Sets what it reads, an open file for example; without this it is nothing.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Starts it, without waiting for anything.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn spawn(mut self) -> Process {
        self.command.stdin(self.stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("{} cannot be run: {error}", self.name));
        let stdout = Output::collect(child.stdout.take().expect("stdout is piped"));
        let stderr = Output::collect(child.stderr.take().expect("stderr is piped"));
        Process { child, stdout, stderr, name: self.name, address: None, url: String::new() }
    }

    /// Starts a server and waits until its first line on stdout says `listening on http://ADDR`, or `https://`.
    ///
    /// # Panics
    /// When it ends, or says something else, or nothing within 30 s; with its output.
    pub async fn listen(self) -> Process {
        let mut process = self.spawn();
        let line = process.line("", LISTEN_DEADLINE).await;
        let url = line.strip_prefix("listening on ").unwrap_or_default();
        let address = url.split_once("://").and_then(|(scheme, address)| match scheme {
            "http" | "https" => address.parse().ok(),
            _ => None,
        });
        process.address = Some(address.unwrap_or_else(|| panic!("{process} did not say where it listens")));
        process.url = url.to_owned();
        process
    }
}

/// A running child process with everything it has written, killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
    name: String,
    address: Option<SocketAddr>,
    url: String,
}

impl Process {
    /// Prepares to run `program`: see [`binary`].
    #[expect(clippy::new_ret_no_self, reason = "reads as Process::new(…).arg(…).listen()")]
    pub fn new(program: impl Into<OsString>) -> ProcessBuilder {
        let program = program.into();
        let mut command = Command::new(&program);
        command.env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        ProcessBuilder { command, name: program.to_string_lossy().into_owned(), stdin: Stdio::null() }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When it was not started with [`ProcessBuilder::listen`].
    pub fn address(&self) -> SocketAddr {
        self.address.expect("started with listen()")
    }

    /// `http://ADDR` of the address it listens on; `https://ADDR` when it says so.
    ///
    /// # Panics
    /// When it was not started with [`ProcessBuilder::listen`].
    pub fn url(&self) -> String {
        assert!(self.address.is_some(), "started with listen()");
        self.url.clone()
    }

    /// What it has written to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// True when stdout or stderr contain `needle` so far.
    pub fn wrote(&self, needle: impl AsRef<[u8]>) -> bool {
        let needle = needle.as_ref();
        self.stdout.with(|bytes| redis_dump::contains(bytes, needle))
            || self.stderr.with(|bytes| redis_dump::contains(bytes, needle))
    }

    /// Waits for a whole line on stdout that begins with `prefix`, and returns it.
    ///
    /// # Panics
    /// When the process ends without it or the deadline passes; with its output.
    pub async fn line(&mut self, prefix: &str, deadline: Duration) -> String {
        let what = format!("{} writes a line that begins with {prefix:?}", self.name);
        let found = eventually(deadline, &what, async || {
            // Ended is asked first: what was written before the end is found below.
            let ended = self.stdout.ended();
            match self.stdout.line(prefix) {
                None if ended => Some(None),
                found => found.map(Some),
            }
        })
        .await;
        let Some(line) = found else {
            // Why it ended is on the other pipe, which has a reader of its own.
            self.last_words().await;
            panic!("{self} ended without a line that begins with {prefix:?}");
        };
        line
    }

    /// True when it has ended, by itself or not.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_some()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When the deadline passes.
    pub async fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let status = signal::wait_for_exit(&mut self.child, deadline, &format!("{} ends", self.name)).await;
        self.last_words().await;
        status
    }

    /// Sends a signal: `STOP`, `CONT`, `INT`.
    ///
    /// # Panics
    /// When the process has ended.
    pub fn signal(&self, signal: &str) {
        signal::send(self.pid(), signal);
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it has ended before, or the deadline passes.
    pub async fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        self.signal("TERM");
        self.wait(deadline).await
    }

    /// Kills it (SIGKILL) and waits until it is gone, its sockets closed.
    pub async fn kill9(&mut self) {
        signal::kill_and_reap(&mut self.child);
        self.last_words().await;
    }

    /// Waits until everything that it wrote has been read.
    async fn last_words(&self) {
        eventually_true(LAST_WORDS_DEADLINE, "the output of an ended process is read", async || {
            self.stdout.ended() && self.stderr.ended()
        })
        .await;
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n--- stdout\n{}\n--- stderr\n{}\n---\n", self.name, self.stdout(), self.stderr())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        signal::kill_and_reap(&mut self.child);
    }
}
