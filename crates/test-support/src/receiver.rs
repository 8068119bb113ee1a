//! A server that takes what is posted to it, answers as it is told, and remembers everything.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// The longest request that is taken, in bytes.
const REQUEST_AT_MOST: usize = 1024 * 1024;

/// How a [`TestReceiver`] answers.
#[derive(Clone, Debug)]
pub enum ReceiverAnswer {
    /// With this status, and these header lines.
    Status(u16, Vec<String>),
    /// Never.
    Nothing,
    /// By closing the connection.
    Close,
    /// With status 200 and a body that never ends.
    EndlessBody,
}

/// What was posted.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// As in the request line: `POST /hook HTTP/1.1`.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// The first header of this name, which is given in lower case.
    ///
    /// # Panics
    /// When there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no header {name}: {self:?}")).1
    }
}

/// An HTTP server of the test's own. It ends when it is dropped, with every connection.
#[derive(Debug)]
pub struct TestReceiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    answer: ReceiverAnswer,
    received: Vec<ReceivedRequest>,
    connections: usize,
}

impl TestReceiver {
    /// On a free port of the loopback interface, answering 200.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// At this address, where another one may have been before.
    ///
    /// # Panics
    /// When it is taken.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port of the loopback interface");
        let address = listener.local_addr().expect("a bound address");
        let answer = ReceiverAnswer::Status(200, Vec::new());
        let state = Arc::new(Mutex::new(State { answer, received: Vec::new(), connections: 0 }));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDR` and the path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers like this from now on.
    pub fn answers(&self, answer: ReceiverAnswer) {
        lock(&self.state).answer = answer;
    }

    /// Answers with this status and nothing else from now on.
    pub fn says(&self, status: u16) {
        self.answers(ReceiverAnswer::Status(status, Vec::new()));
    }

    /// Everything that was posted so far, whatever the answer was.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        lock(&self.state).received.clone()
    }

    /// Connections that were accepted so far.
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }
}

impl Drop for TestReceiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        lock(&state).connections += 1;
        connections.spawn(serve(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut read = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut read).await {
        let answer = {
            let mut state = lock(&state);
            state.received.push(request);
            state.answer.clone()
        };
        match answer {
            ReceiverAnswer::Status(status, headers) => {
                let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
                let answer = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: 2\r\n\r\nok");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            ReceiverAnswer::Nothing => std::future::pending().await,
            ReceiverAnswer::Close => return,
            ReceiverAnswer::EndlessBody => {
                let mut wrote =
                    stream.write_all(b"HTTP/1.1 200 Said\r\ntransfer-encoding: chunked\r\n\r\n").await;
                let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
                while wrote.is_ok() {
                    wrote = stream.write_all(chunk.as_bytes()).await;
                }
                return;
            }
        }
    }
}

/// Reads one request; `read` holds what came after it. None when the connection ends, or it is none.
async fn next_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<ReceivedRequest> {
    let head_end = loop {
        if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, read).await?;
    };
    let head = String::from_utf8_lossy(&read[..head_end]).into_owned();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines.filter_map(header).collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<usize>());
    let end = head_end + length.transpose().ok()?.unwrap_or(0);
    while read.len() < end {
        more(stream, read).await?;
    }
    let body = read[head_end..end].to_vec();
    read.drain(..end);
    Some(ReceivedRequest { line, headers, body })
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    let got = stream.read_buf(read).await.ok()?;
    (got > 0 && read.len() <= REQUEST_AT_MOST).then_some(())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
