//! A listener on its last round: who has connected is served, who has not is refused.
//!
//! Closing a listener resets every connection that the operating system has accepted and the process has not:
//! their clients have sent a request and learn nothing. So no further handshake may begin, those under way
//! are waited for, the queue is emptied, and only then is the listener closed.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};

/// A handshake under way takes a round trip.
const HANDSHAKE: Duration = Duration::from_millis(300);

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Closing {
    /// Accepted before, and without a seat so far.
    first: Option<(TcpStream, SocketAddr)>,
    /// Until `settled`.
    socket: Option<TcpListener>,
    settled: Instant,
    /// After that, without the runtime, whose word on what is in the queue may be old.
    queue: Option<std::net::TcpListener>,
}

impl Closing {
    pub(super) fn begin(socket: TcpListener, first: Option<(TcpStream, SocketAddr)>) -> Self {
        let settled = match refuse_handshakes(&socket) {
            true => Instant::now() + HANDSHAKE,
            false => Instant::now(),
        };
        Self { first, socket: Some(socket), settled, queue: None }
    }

    /// The next connection; none when no more will come.
    pub(super) async fn next(&mut self) -> Option<(TcpStream, SocketAddr)> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if let Some(socket) = &self.socket {
            if let Ok(Ok(accepted)) = timeout_at(self.settled, socket.accept()).await {
                return Some(accepted);
            }
            self.queue = self.socket.take().and_then(|socket| socket.into_std().ok());
        }
        loop {
            match self.queue.as_ref()?.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true).ok()?;
                    return Some((TcpStream::from_std(stream).ok()?, peer));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // Out of file descriptors: some are given back while the server drains.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

/// Has the kernel drop the first packet of every handshake from now on: its client tries again a second later and
/// is refused by then. False where that cannot be had.
#[cfg(target_os = "linux")]
fn refuse_handshakes(socket: &TcpListener) -> bool {
    use socket2::{SockFilter, SockRef};

    /// Classic BPF over the TCP header: a packet with SYN and without ACK is cut to nothing, others are kept whole.
    const FILTER: [SockFilter; 5] = [
        SockFilter::new(0x30, 0, 0, 13),   // A = the byte of flags
        SockFilter::new(0x54, 0, 0, 0x12), // A &= SYN | ACK
        SockFilter::new(0x15, 0, 1, 0x02), // A == SYN?
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    SockRef::from(socket).attach_filter(&FILTER).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn refuse_handshakes(_: &TcpListener) -> bool {
    false
}
