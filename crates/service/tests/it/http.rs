use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use test_support::eventually_true;
use textproof_service::http::{Limits, bind, serve};
use textproof_service::peer::PeerAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(10);
const LIMITS: Limits = Limits {
    header_timeout: SOON,
    idle_timeout: SOON,
    max_connections: 16,
    last_call: SOON,
    drain_deadline: SOON,
};
const KEPT: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

struct Server {
    addr: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
    /// Raised when a request for `/slow` has begun, and what it waits for.
    begun: Arc<Notify>,
    finish: Arc<Notify>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
            async move || {
                begun.notify_one();
                finish.notified().await;
                "slow"
            }
        };
        let router = Router::new().route("/", get(async || "fast")).route("/slow", get(slow));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
        Self { addr, shutdown, serving, begun, finish }
    }

    /// A connection on which the text has been sent.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// A connection on which a request has been answered, and which is kept.
    async fn kept(&self) -> TcpStream {
        let mut stream = self.send(KEPT).await;
        let mut answer = vec![0; 256];
        let read = timeout(SOON, stream.read(&mut answer)).await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&answer[..read]).ends_with("fast"));
        stream
    }

    async fn slow(&self) -> TcpStream {
        let stream = self.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        timeout(SOON, self.begun.notified()).await.unwrap();
        stream
    }

    async fn stopped(self) {
        timeout(SOON, self.serving).await.expect("serving ends").unwrap().unwrap();
    }
}

/// All that comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    // A reset is an end, too.
    let _ = timeout(SOON, stream.read_to_string(&mut text)).await.expect("the connection is closed");
    text
}

#[tokio::test]
async fn a_request_is_answered() {
    let server = Server::start(LIMITS).await;
    let stream = server.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(rest(stream).await.ends_with("\r\n\r\nfast"));
}

#[tokio::test]
async fn half_a_head_and_silence_are_closed_after_the_deadline() {
    let header_timeout = Duration::from_millis(200);
    let server = Server::start(Limits { header_timeout, ..LIMITS }).await;
    for sent in ["", "GET / HTTP/1.1\r\nhost:"] {
        let begun = Instant::now();
        let answer = rest(server.send(sent).await).await;
        assert!(!answer.contains("200"), "{answer}");
        assert!(begun.elapsed() >= header_timeout && begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn between_requests_a_connection_may_be_silent_for_longer() {
    let header_timeout = Duration::from_millis(200);
    let idle_timeout = Duration::from_millis(600);
    let server = Server::start(Limits { header_timeout, idle_timeout, ..LIMITS }).await;
    let idle = server.send(KEPT).await;
    let begun = Instant::now();
    assert!(rest(idle).await.ends_with("fast"));
    assert!(begun.elapsed() >= idle_timeout && begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_further_head_that_has_begun_has_the_deadline_of_a_head() {
    let header_timeout = Duration::from_millis(200);
    let server = Server::start(Limits { header_timeout, ..LIMITS }).await;
    let mut slow = server.kept().await;
    slow.write_all(b"GET /").await.unwrap();
    let begun = Instant::now();
    assert_eq!(rest(slow).await, "");
    assert!(begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn in_a_full_house_whoever_waits_longest_gives_way_to_a_genuine_request() {
    let server = Server::start(Limits { max_connections: 4, ..LIMITS }).await;
    let answering = server.slow().await;
    let mut slow = Vec::new();
    for number in 0..12 {
        slow.push(server.send("GET / HTTP/1.1\r\nhost:").await);
        let stream = server.send(REQUEST).await;
        assert!(rest(stream).await.ends_with("fast"), "{number}");
    }
    // The latest are still there, the earliest are not, and the one that is being answered is.
    let latest = slow.split_off(10);
    for gone in slow {
        assert_eq!(rest(gone).await, "");
    }
    for mut stream in latest {
        stream.write_all(b" a\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(rest(stream).await.ends_with("fast"));
    }
    server.finish.notify_one();
    server.shutdown.cancel();
    assert!(rest(answering).await.ends_with("slow"));
    server.stopped().await;
}

#[tokio::test]
async fn a_head_has_at_most_a_hundred_headers_and_sixteen_kilobytes() {
    let server = Server::start(LIMITS).await;
    let request = |headers: &str| format!("GET / HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    for (headers, status) in [
        ("a: b\r\n".repeat(99), 200),
        ("a: b\r\n".repeat(100), 431),
        (format!("a: {}\r\n", "b".repeat(15 * 1024)), 200),
        (format!("a: {}\r\n", "b".repeat(17 * 1024)), 431),
    ] {
        let answer = rest(server.send(&request(&headers)).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
}

#[tokio::test]
async fn the_peer_is_known_to_handlers_by_its_address() {
    let peer = get(async |peer: Extension<PeerAddress>| peer.0.0.to_string());
    for bind_to in ["127.0.0.1:0", "[::]:0"] {
        let Ok(listener) = bind(bind_to.parse().unwrap()).await else {
            // Without IPv6 there is nothing to see.
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/", peer.clone());
        tokio::spawn(serve(listener, router, LIMITS, CancellationToken::new()));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        assert!(rest(stream).await.ends_with("\r\n\r\n127.0.0.1"), "{bind_to}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let server = Server::start(Limits { max_connections: 1, ..LIMITS }).await;
    let first = server.slow().await;
    let mut second = server.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(100), second.read(&mut byte)).await.is_err());
    drop(first);
    assert!(rest(second).await.ends_with("fast"));
}

#[tokio::test]
async fn a_stop_lets_a_running_request_finish_and_refuses_new_ones() {
    let server = Server::start(Limits { last_call: Duration::from_millis(500), ..LIMITS }).await;
    let (running, idle) = (server.slow().await, server.send("").await);
    server.shutdown.cancel();
    let addr = server.addr;
    eventually_true(SOON, "new connections are refused", async || TcpStream::connect(addr).await.is_err())
        .await;
    assert!(!server.serving.is_finished());
    server.finish.notify_one();
    assert!(rest(running).await.ends_with("slow"));
    assert_eq!(rest(idle).await, "");
    server.stopped().await;
}

#[tokio::test]
async fn a_stop_serves_whoever_has_connected_before_it() {
    let server = Server::start(Limits { max_connections: 1, ..LIMITS }).await;
    // The only seat is taken by a request that is being answered: the others wait in the queue of the system.
    let running = server.slow().await;
    let mut queued = Vec::new();
    for _ in 0..50 {
        queued.push(server.send(REQUEST).await);
    }
    server.shutdown.cancel();
    server.finish.notify_one();
    for stream in queued {
        assert!(rest(stream).await.ends_with("fast"));
    }
    assert!(rest(running).await.ends_with("slow"));
    server.stopped().await;
}

#[tokio::test]
async fn a_request_on_an_idle_connection_is_still_answered_while_the_server_stops() {
    let server = Server::start(LIMITS).await;
    let mut kept = server.kept().await;
    let running = server.slow().await;
    server.shutdown.cancel();
    let addr = server.addr;
    eventually_true(SOON, "new connections are refused", async || TcpStream::connect(addr).await.is_err())
        .await;
    kept.write_all(KEPT.as_bytes()).await.unwrap();
    let answer = rest(kept).await;
    assert!(answer.contains("connection: close") && answer.ends_with("fast"), "{answer}");
    server.finish.notify_one();
    let answer = rest(running).await;
    assert!(answer.contains("connection: close") && answer.ends_with("slow"), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_the_last_call_and_no_longer() {
    let last_call = Duration::from_millis(500);
    let server = Server::start(Limits { last_call, ..LIMITS }).await;
    let (kept, silent) = (server.kept().await, server.send("").await);
    let begun = Instant::now();
    server.shutdown.cancel();
    assert_eq!(rest(kept).await, "");
    assert_eq!(rest(silent).await, "");
    assert!(begun.elapsed() >= last_call && begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());
    server.stopped().await;
}

#[tokio::test]
async fn a_stop_cuts_a_stuck_request_at_the_drain_deadline() {
    let drain_deadline = Duration::from_millis(200);
    let server = Server::start(Limits { drain_deadline, ..LIMITS }).await;
    let stuck = server.slow().await;
    let begun = Instant::now();
    server.shutdown.cancel();
    server.stopped().await;
    assert!(begun.elapsed() >= drain_deadline && begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());
    assert_eq!(rest(stuck).await, "");
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = taken.local_addr().unwrap();
    let error = bind(addr).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {addr}: ")), "{error}");
}
