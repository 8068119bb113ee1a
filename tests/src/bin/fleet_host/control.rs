//! The connection to the test: one JSON line each way, and the line `go`.

use std::{io, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Barrier,
    task::JoinSet,
    time::timeout,
};

use crate::command::Command;

/// How long a test may think between two lines.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whoever is in command.
pub(crate) struct Control {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Control {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let lines = BufReader::new(reader).lines();
        Ok(Self { lines, writer })
    }

    /// The next command; `None` when the test has left.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Command>> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.context("no command")??;
        Ok(line.map(|line| serde_json::from_str(&line)).transpose()?)
    }

    pub(crate) async fn answer(&mut self, answer: &Value) -> io::Result<()> {
        self.writer.write_all(format!("{answer}\n").as_bytes()).await
    }

    /// Brings every job to its start in a task of its own, says so, waits for `go` and lets all of them loose.
    pub(crate) async fn together<T: Send + 'static>(
        &mut self,
        jobs: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
    ) -> anyhow::Result<Vec<T>> {
        let jobs: Vec<_> = jobs.into_iter().collect();
        let start = Arc::new(Barrier::new(jobs.len() + 1));
        let mut tasks = JoinSet::new();
        for job in jobs {
            let start = Arc::clone(&start);
            tasks.spawn(async move {
                start.wait().await;
                job.await
            });
        }
        self.answer(&json!({ "ready": true })).await?;
        let line = timeout(PATIENCE, self.lines.next_line()).await.context("no go")??;
        ensure!(line.as_deref() == Some("go"), "go is what comes after ready");
        start.wait().await;
        Ok(tasks.join_all().await)
    }
}
