//! Serving HTTP/1.1 with every wait bounded.
//!
//! An own accept loop over hyper, because `axum::serve` installs no timer and caps nothing: a client that
//! sends half a request would be waited for without end.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::peer::PeerAddress;

/// Per connection, for the head of a request and for each piece of a body: memory is at most this times
/// the number of connections.
const BUFFER_BYTES: usize = 64 * 1024;
const FIRST_ACCEPT_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What a server puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From a connection's start, or the end of its last answer, until a request's head is complete. An idle
    /// connection is closed then too.
    pub header_timeout: Duration,
    /// Connections at the same time; more wait in the operating system's queue.
    pub max_connections: usize,
    /// How long running requests may take to finish once the server has been asked to stop.
    pub drain_deadline: Duration,
}

impl Default for Limits {
    /// 10 s for a head, 1024 connections, 10 s to drain.
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            max_connections: 1024,
            drain_deadline: Duration::from_secs(10),
        }
    }
}

/// Binds a listener; port 0 picks a free one.
///
/// # Errors
/// When the address cannot be bound; the message names it.
pub async fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(addr)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}")))
}

/// Prints `listening on http://ADDR` as a line of its own on stdout, at once: whoever started the process
/// waits for it.
///
/// # Errors
/// When stdout is closed.
pub fn announce(listener: &TcpListener) -> io::Result<()> {
    let addr = listener.local_addr()?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on http://{addr}")?;
    stdout.flush()
}

/// Serves until the token is cancelled, then takes no more connections, lets running requests finish and
/// returns: at the latest after `limits.drain_deadline`, when what still runs is cut.
///
/// # Errors
/// When the listener has no address. A failed accept is tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let addr = listener.local_addr()?;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(BUFFER_BYTES);
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();

    while let Some((stream, peer, permit)) = shutdown.run_until_cancelled(accept(&listener, &permits)).await {
        // Handlers find the peer's address as axum's `ConnectInfo<SocketAddr>`, and as `PeerAddress`.
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(PeerAddress(peer.ip()));
            router.call(request)
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                // The client's doing: a time-out, a reset, something that is not HTTP.
                debug!(error = %error, "connection ended");
            }
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }

    // From here on the operating system refuses connections, so that a balancer goes elsewhere.
    drop(listener);
    info!(%addr, "draining");
    drain(graceful, connections, limits.drain_deadline).await;
    Ok(())
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    #[expect(clippy::expect_used, reason = "nobody closes the semaphore")]
    let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is open");
    let mut pause = FIRST_ACCEPT_PAUSE;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and must not wait for more; an error shows in the first read.
                let _ = stream.set_nodelay(true);
                return (stream, peer, permit);
            }
            Err(error) if is_the_clients(error.kind()) => {}
            Err(error) => {
                // Out of file descriptors, most likely: the error stays until some are given back.
                warn!(error = %error, "accept failed");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_ACCEPT_PAUSE);
            }
        }
    }
}

/// The client went away before it was accepted.
fn is_the_clients(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn drain(graceful: GracefulShutdown, mut connections: JoinSet<()>, deadline: Duration) {
    if timeout(deadline, graceful.shutdown()).await.is_err() {
        while connections.try_join_next().is_some() {}
        warn!(connections = connections.len(), "drain deadline passed: connections are cut");
    }
    connections.shutdown().await;
}
