//! A `fleet_host` process and the connection that it is told over.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use test_support::{Process, ProcessBuilder, binary};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

const START_DEADLINE: Duration = Duration::from_secs(30);
/// The longest a command may take: above every deadline of the product.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Host {
    process: Process,
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Host {
    /// A host that still needs its configuration.
    pub(crate) fn builder() -> ProcessBuilder {
        Process::new(binary("fleet_host"))
    }

    pub(crate) async fn start(builder: ProcessBuilder) -> Self {
        let mut process = builder.spawn();
        let line = process.line("control ", START_DEADLINE).await;
        let address: SocketAddr = line["control ".len()..].parse().expect("an address");
        let stream = TcpStream::connect(address).await.expect("the host listens");
        stream.set_nodelay(true).expect("a TCP option");
        let (reader, writer) = stream.into_split();
        let lines = BufReader::new(reader).lines();
        Self { process, lines, writer }
    }

    /// Says one line.
    pub(crate) async fn tell(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.writer.write_all(line.as_bytes()).await.expect("the host is there");
    }

    /// Waits for one answer.
    pub(crate) async fn answer(&mut self) -> Value {
        match timeout(ANSWER_DEADLINE, self.lines.next_line()).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).expect("JSON"),
            other => panic!("no answer ({other:?}) from {}", self.process),
        }
    }

    /// One command and its answer.
    pub(crate) async fn ask(&mut self, command: Value) -> Value {
        self.tell(&command.to_string()).await;
        self.answer().await
    }

    /// Brings a command to its start: `go` sets it off.
    pub(crate) async fn prepare(&mut self, command: &Value) {
        self.tell(&command.to_string()).await;
        let answer = self.answer().await;
        assert_eq!(answer["ready"], true, "{answer}");
    }

    /// A command that starts with `go`, on this host alone.
    pub(crate) async fn run(&mut self, command: Value) -> Value {
        self.prepare(&command).await;
        self.tell("go").await;
        self.answer().await
    }

    /// Ends it by hanging up, and returns the process for what it wrote.
    pub(crate) async fn hang_up(self) -> Process {
        let Self { mut process, lines, writer } = self;
        drop((lines, writer));
        let status = process.wait(START_DEADLINE).await;
        assert!(status.success(), "{process}");
        process
    }
}
