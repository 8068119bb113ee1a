//! A relay that remembers every byte: tokens are only ever seen on the wire.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

type Recording = Arc<Mutex<Vec<u8>>>;

/// A relay on a free port of 127.0.0.1. All of it ends when it is dropped.
pub(super) struct Recorder {
    address: SocketAddr,
    /// One for each direction of each connection.
    recordings: Arc<Mutex<Vec<Recording>>>,
    accepting: JoinHandle<()>,
}

impl Recorder {
    /// Starts a relay to `upstream`.
    pub(super) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let recordings = Arc::default();
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&recordings)));
        Self { address, recordings, accepting }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that has passed, one direction of one connection after the other.
    pub(super) fn text(&self) -> String {
        let recordings = locked(&self.recordings);
        let texts = recordings.iter().map(|bytes| String::from_utf8_lossy(&locked(bytes)).into_owned());
        texts.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, recordings: Arc<Mutex<Vec<Recording>>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let new = || {
            let recording = Recording::default();
            locked(&recordings).push(Arc::clone(&recording));
            recording
        };
        connections.spawn(relay(client, upstream, new(), new()));
    }
}

async fn relay(client: TcpStream, upstream: SocketAddr, requests: Recording, answers: Recording) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Either end closes both: an answer that is cut short must look so to the client.
    tokio::select! {
        () = copy(from_client, to_server, &requests) => {}
        () = copy(from_server, to_client, &answers) => {}
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, recording: &Mutex<Vec<u8>>) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        locked(recording).extend_from_slice(&chunk[..read]);
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
