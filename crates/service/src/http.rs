//! Serving HTTP/1.1 with every wait bounded.
//!
//! An own accept loop over hyper, because `axum::serve` installs no timer and caps nothing: a client that
//! sends half a request would be waited for without end. In a full house the connection that has been waiting
//! longest for its request gives way to a new one ([`seats`](crate::seats)), so that slow senders, however
//! many, do not keep others out.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::seats::Seats;
use crate::tls::Tls;

mod closing;
mod connection;
mod meters;
mod sparing;
mod visit;
mod wire;

use connection::House;
use meters::Meters;
use sparing::Sparing;

/// Connections that the operating system holds until they are accepted; it may hold fewer.
const BACKLOG: u32 = 4096;
const FIRST_ACCEPT_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What a server puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request until its head is complete. For the first request on a connection, from
    /// the connection's start, a TLS handshake included.
    pub header_timeout: Duration,
    /// From the end of an answer until the first byte of the next request. Longer than the minute after which
    /// most balancers close a connection: whoever closes first must not be the one who is about to be asked.
    pub idle_timeout: Duration,
    /// Connections at the same time. One more takes the place of the one that has been waiting longest for its
    /// request; while all are being answered, it waits in the operating system's queue.
    pub max_connections: usize,
    /// How long a connection without a request is kept once the server has been asked to stop: one may be on its
    /// way, and is still answered.
    pub last_call: Duration,
    /// How long running requests may take to finish once the server has been asked to stop.
    pub drain_deadline: Duration,
}

impl Default for Limits {
    /// 5 s for a head, 75 s between requests, 4096 connections, a last call of 1 s, 10 s to drain.
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(75),
            max_connections: 4096,
            last_call: Duration::from_secs(1),
            drain_deadline: Duration::from_secs(10),
        }
    }
}

/// A bound address, with TLS or without.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<Tls>,
}

impl Listener {
    /// The same address, spoken to by TLS.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// The address, with the port that was picked.
    ///
    /// # Errors
    /// When the operating system does not know it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Binds a listener; port 0 picks a free one.
///
/// # Errors
/// When the address cannot be bound; the message names it.
#[expect(clippy::unused_async, reason = "it needs a runtime, and says so")]
pub async fn bind(addr: SocketAddr) -> io::Result<Listener> {
    let listen = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the process before it.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    let socket = listen()
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}")))?;
    Ok(Listener { socket, tls: None })
}

/// Prints `listening on http://ADDR` (`https://` with TLS) as a line of its own on stdout, at once: whoever
/// started the process waits for it.
///
/// # Errors
/// When stdout is closed.
pub fn announce(listener: &Listener) -> io::Result<()> {
    let addr = listener.local_addr()?;
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {scheme}://{addr}")?;
    stdout.flush()
}

/// Serves until the token is cancelled. Then whoever has connected by that time is still answered, and nobody
/// else; running requests finish, and each answer closes its connection. Returns at the latest after
/// `limits.drain_deadline`, when what still runs is cut.
///
/// Handlers find the client's address as [`PeerAddress`](crate::peer::PeerAddress), and with its port as axum's
/// `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// When the listener has no address. A failed accept is tried again.
pub async fn serve(
    listener: Listener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let addr = listener.local_addr()?;
    let Listener { socket, tls } = listener;
    let server = Server {
        seats: Seats::new(limits.max_connections),
        house: Arc::new(House { router, limits, tls, meters: Meters::of(addr), stopping: shutdown.clone() }),
        warnings: Sparing::default(),
    };
    let mut connections = JoinSet::new();
    let mut last = None;
    while let Some((stream, peer)) = shutdown.run_until_cancelled(server.accept(&socket)).await {
        let Some(seat) = shutdown.run_until_cancelled(server.seats.take()).await else {
            last = Some((stream, peer));
            break;
        };
        connections.spawn(Arc::clone(&server.house).welcome(stream, peer, seat));
        while connections.try_join_next().is_some() {}
    }

    info!(%addr, "draining");
    let drained = timeout(limits.drain_deadline, async {
        let mut socket = closing::Closing::begin(socket, last);
        // Nobody gives way any more: these come all at once, and most have asked already.
        let seats = Seats::new(BACKLOG as usize);
        while let Some((stream, peer)) = socket.next().await {
            connections.spawn(Arc::clone(&server.house).welcome(stream, peer, seats.take().await));
        }
        // From here on the operating system refuses connections, so that a balancer goes elsewhere.
        drop(socket);
        while connections.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        while connections.try_join_next().is_some() {}
        warn!(connections = connections.len(), "drain deadline passed: connections are cut");
        connections.shutdown().await;
    }
    Ok(())
}

struct Server {
    seats: Arc<Seats>,
    house: Arc<House>,
    warnings: Sparing,
}

impl Server {
    /// The next connection.
    async fn accept(&self, socket: &TcpListener) -> (TcpStream, SocketAddr) {
        let mut pause = FIRST_ACCEPT_PAUSE;
        loop {
            match socket.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_clients(error.kind()) => {}
                Err(error) => {
                    // Out of file descriptors, most likely: the error stays until some are given back.
                    self.house.meters.accept_failed();
                    self.seats.clear_one();
                    if self.warnings.may_speak() {
                        warn!(error = %error, "accept failed; the connection that waited longest is closed");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_ACCEPT_PAUSE);
                }
            }
        }
    }
}

/// The client went away before it was accepted.
fn is_the_clients(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}
