//! An HTTP/1.1 server on raw TCP, so that a connection can be cut at any moment.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// A request as it was read.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        let url = reqwest::Url::parse(&format!("http://form.example/?{}", self.body)).unwrap();
        url.query_pairs().into_owned().collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn authorization(&self) -> &str {
        self.headers.get("authorization").map_or("", String::as_str)
    }
}

/// What the server does once it has read a request.
pub(crate) enum Step {
    /// Answers with this status, these header lines and this body.
    Answer(u16, String, Vec<u8>),
    /// Announces a longer body than it sends, then closes.
    BreakOff,
    /// Closes without a byte.
    Drop,
    /// Never answers.
    Hang,
}

/// An address that refuses connections for as long as this lives: its port is taken and not listened on.
pub(crate) struct Nobody {
    base: String,
    _socket: TcpSocket,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = taken("127.0.0.1:0".parse().unwrap());
        Self { base: format!("http://{}", socket.local_addr().unwrap()), _socket: socket }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }
}

fn taken(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// A JSON answer without special headers.
#[expect(clippy::needless_pass_by_value, reason = "most bodies are made on the spot")]
pub(crate) fn answer(status: u16, body: impl ToString) -> Step {
    Step::Answer(status, String::new(), body.to_string().into_bytes())
}

pub(crate) struct Fake {
    base: String,
    seen: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Serves by `script`, which is told how many requests for the same path came before.
    pub(crate) async fn start(script: impl Fn(&Request, usize) -> Step + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/api/", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Arc::new(Server { script: Box::new(script), seen: Arc::clone(&seen) });
        Self { base, seen, task: tokio::spawn(serve(listener, server)) }
    }

    /// Serves one connection; nobody listens any more by the time it is answered.
    pub(crate) async fn start_and_leave(
        script: impl Fn(&Request, usize) -> Step + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let base = format!("http://{address}/api/");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Arc::new(Server { script: Box::new(script), seen: Arc::clone(&seen) });
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            drop(listener);
            let _taken = taken(address);
            converse(stream, server).await;
            std::future::pending::<()>().await;
        });
        Self { base, seen, task }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn seen(&self, path: &str) -> Vec<Request> {
        self.seen.lock().unwrap().iter().filter(|request| request.path == path).cloned().collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Script = dyn Fn(&Request, usize) -> Step + Send + Sync;

struct Server {
    script: Box<Script>,
    seen: Arc<Mutex<Vec<Request>>>,
}

async fn serve(listener: TcpListener, server: Arc<Server>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(converse(stream, Arc::clone(&server)));
    }
}

async fn converse(stream: TcpStream, server: Arc<Server>) {
    let mut stream = BufStream::new(stream);
    while let Some(request) = read(&mut stream).await {
        let before = {
            let mut seen = server.seen.lock().unwrap();
            seen.push(request.clone());
            seen.iter().filter(|other| other.path == request.path).count() - 1
        };
        match (server.script)(&request, before) {
            Step::Answer(status, headers, body) => {
                write(&mut stream, status, &headers, body.len(), &body).await;
            }
            Step::BreakOff => return write(&mut stream, 200, "", 1000, b"{\"status\":\"succ").await,
            Step::Drop => return,
            Step::Hang => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut BufStream<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { method, path, headers, body: String::from_utf8(body).unwrap() })
}

async fn write(stream: &mut BufStream<TcpStream>, status: u16, headers: &str, length: usize, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n{headers}\r\n");
    // The client may have gone, which is its good right.
    drop(stream.write_all(head.as_bytes()).await);
    drop(stream.write_all(body).await);
    drop(stream.flush().await);
}
