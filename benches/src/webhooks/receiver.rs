//! Servers under load: ours as it is shipped, and those that it is held against.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::{ENDPOINT, SECRET};

const START_DEADLINE: Duration = Duration::from_secs(20);
const BUILD_DEADLINE: Duration = Duration::from_secs(120);

/// A server in a process of its own, killed on drop. What it logs is thrown away, whoever it is.
pub struct Receiver {
    child: Child,
    address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
    _files: TempDir,
}

impl Receiver {
    /// `webhook-ingest` as it is shipped: this binary, or the one that was built beside this program.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn ingest(
        binary: Option<&Path>,
        redis: &str,
        replicas: u32,
        cpu: Option<u8>,
    ) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let configuration = format!(
            "[redis]\nurl = \"{redis}\"\nmin_replicas = {replicas}\n\
             [ingest]\nbind = \"127.0.0.1:0\"\nmetrics_bind = \"127.0.0.1:0\"\n\
             [[endpoint]]\nname = \"{ENDPOINT}\"\ndialect = \"mobile-api-connect\"\n\
             auth = {{ scheme = \"hmac-body\" }}\nsecrets = [{{ id = \"a\", value = \"{SECRET}\" }}]\n"
        );
        let file = files.path().join("textproof.toml");
        std::fs::write(&file, configuration)?;
        let binary = match binary {
            Some(binary) => binary.to_owned(),
            None => beside("webhook-ingest")?,
        };
        let mut command = on_cpu(cpu, &binary);
        command.arg("--config").arg(file);
        Self::start(command, files).await
    }

    /// The same framework and server with a handler that reads the body and answers 200.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn bare(cpu: Option<u8>) -> anyhow::Result<Self> {
        Self::start(on_cpu(cpu, &beside("bare")?), tempfile::tempdir()?).await
    }

    /// Go's `net/http`, decoding and logging. None, with a message, where Go is not installed.
    ///
    /// # Errors
    /// When it cannot be built or does not start.
    pub async fn go(cpu: Option<u8>) -> anyhow::Result<Option<Self>> {
        if !is_installed("go", "version").await? {
            eprintln!("Go is not installed: its side is skipped");
            return Ok(None);
        }
        let files = tempfile::tempdir()?;
        let binary = files.path().join("receiver");
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&binary).arg(".").current_dir(fixture("go")).kill_on_drop(true);
        let built =
            timeout(BUILD_DEADLINE, build.status()).await.context("go build did not end in time")??;
        ensure!(built.success(), "go build failed");
        Self::start(on_cpu(cpu, &binary), files).await.map(Some)
    }

    /// Express on Node, decoding and logging. None, with a message, where one of them is not installed.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn express(cpu: Option<u8>) -> anyhow::Result<Option<Self>> {
        if !is_installed("node", "--version").await? {
            eprintln!("Node is not installed: the side of Express is skipped");
            return Ok(None);
        }
        let folder = fixture("express");
        if !folder.join("node_modules/express").is_dir() {
            eprintln!("Express is not installed: its side is skipped. Run npm ci in {}", folder.display());
            return Ok(None);
        }
        let mut command = on_cpu(cpu, Path::new("node"));
        command.arg("server.js").current_dir(folder).env("NODE_ENV", "production");
        Self::start(command, tempfile::tempdir()?).await.map(Some)
    }

    async fn start(mut command: Command, files: TempDir) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        // What is measured must not depend on the shell's settings.
        command.env_remove("RUST_LOG").env_remove("TEXTPROOF_CONFIG").env_remove("TEXTPROOF_LOG_FORMAT");
        let mut child = command.spawn().with_context(|| format!("{command:?} cannot be run"))?;
        let mut stdout = BufReader::new(child.stdout.take().context("its stdout is piped")?);
        let mut line = String::new();
        timeout(START_DEADLINE, stdout.read_line(&mut line)).await.context("it did not start in time")??;
        let address = line.trim_end().strip_prefix("listening on http://");
        let address =
            address.with_context(|| format!("{command:?} did not say where it listens"))?.parse()?;
        Ok(Self { child, address, _stdout: stdout, _files: files })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("it has ended")
    }
}

/// A binary that was built into the folder of this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(
        path.exists(),
        "{} is missing: run cargo build --release -p benches -p webhook-ingest --bins",
        path.display()
    );
    Ok(path)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn on_cpu(cpu: Option<u8>, program: &Path) -> Command {
    match cpu {
        None => Command::new(program),
        Some(cpu) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(cpu.to_string()).arg(program);
            command
        }
    }
}

async fn is_installed(program: &str, argument: &str) -> anyhow::Result<bool> {
    match Command::new(program).arg(argument).stdout(Stdio::null()).status().await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        status => Ok(status.with_context(|| format!("{program} cannot be run"))?.success()),
    }
}
