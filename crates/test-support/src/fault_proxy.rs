//! A TCP proxy that breaks connections at a chosen byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

mod faults;
mod relay;
mod tail;

use faults::{Counts, Faults, Shared};

const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A proxy on a free port of 127.0.0.1 before one server. Without faults it passes everything on at once.
///
/// Faults are set and cleared while connections run. Bytes of a client that the proxy still keeps when the
/// client is gone are thrown away: what was held when a process was killed never reaches the server.
/// All of it ends when the proxy is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy before `upstream`, which need not be up yet.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port for the proxy");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&shared)));
        Self { addr, shared, accepting }
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The port on 127.0.0.1 where clients connect.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Holds every connection whose client sends `pattern`, from the chunk in which the pattern ends: that
    /// chunk and all after it wait, until [`clear`](Self::clear). Earlier bytes are with the server already.
    ///
    /// # Panics
    /// When the pattern is empty.
    pub fn hold_on(&self, pattern: impl Into<Vec<u8>>) {
        let pattern = faults::nonempty(pattern.into());
        self.shared.faults.send_modify(|faults| faults.hold.push(pattern));
    }

    /// Waits until `connections` connections are held at the same time.
    ///
    /// # Panics
    /// When the deadline passes.
    pub async fn held(&self, connections: usize, deadline: Duration) {
        self.wait(deadline, &format!("{connections} held connections"), |counts| counts.held >= connections)
            .await;
    }

    /// Waits until no connection is held any more, after [`clear`](Self::clear).
    ///
    /// # Panics
    /// When the deadline passes.
    pub async fn released(&self, deadline: Duration) {
        self.wait(deadline, "no held connection", |counts| counts.held == 0).await;
    }

    /// Loses the reply to the next `times` commands that contain `pattern`: the server gets the command and
    /// runs it, and then the client's connection is closed without an answer to it.
    ///
    /// # Panics
    /// When the pattern is empty.
    pub fn cut_reply_after(&self, pattern: impl Into<Vec<u8>>, times: usize) {
        let pattern = faults::nonempty(pattern.into());
        self.shared.faults.send_modify(|faults| faults.cut.push((pattern, times)));
    }

    /// Waits until `replies` replies have been lost, since the proxy's start.
    ///
    /// # Panics
    /// When the deadline passes.
    pub async fn cut(&self, replies: usize, deadline: Duration) {
        self.wait(deadline, &format!("{replies} lost replies"), |counts| counts.cut >= replies).await;
    }

    /// While on, nothing passes in either direction and no connection is closed. What is still waiting when
    /// it ends goes on then, as after a healed network.
    pub fn black_hole(&self, on: bool) {
        self.shared.faults.send_modify(|faults| faults.black_hole = on);
    }

    /// Delays each chunk on its way to the server and on its way to the client. Chunks keep their order, and
    /// the next one is read when the last has gone.
    pub fn delay(&self, to_server: Duration, to_client: Duration) {
        self.shared.faults.send_modify(|faults| {
            faults.delay_to_server = to_server;
            faults.delay_to_client = to_client;
        });
    }

    /// While on, new connections are closed at once. Those that stand are left alone.
    pub fn refuse(&self, on: bool) {
        self.shared.faults.send_modify(|faults| faults.refuse = on);
    }

    /// Ends all faults. What was held goes on to the server, unless its client is gone.
    pub fn clear(&self) {
        self.shared.faults.send_modify(Faults::clear);
    }

    /// Closes every connection that stands now; new ones are accepted. What was held is thrown away.
    pub fn drop_connections(&self) {
        self.shared.faults.send_modify(|faults| faults.drops += 1);
    }

    /// How many connections stand.
    pub fn connections(&self) -> usize {
        self.shared.counts.borrow().open
    }

    async fn wait(&self, deadline: Duration, what: &str, reached: impl Fn(&Counts) -> bool) {
        let mut counts = self.shared.counts.subscribe();
        let waited = timeout(deadline, counts.wait_for(reached)).await.map(|reached| reached.is_ok());
        if waited != Ok(true) {
            let now = *self.shared.counts.borrow();
            panic!("gave up after {deadline:?}: the proxy sees {what}, but has {now:?}");
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections belong to this task and end with it.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let (refuse, drops) = { let faults = shared.faults.borrow(); (faults.refuse, faults.drops) };
                    if !refuse {
                        connections.spawn(connect(client, upstream, Arc::clone(&shared), drops));
                    }
                }
                // Out of file descriptors, most likely: some come back as connections end.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(client: TcpStream, upstream: SocketAddr, shared: Arc<Shared>, drops: u64) {
    // A server that is down looks as it would without the proxy, but for an accepted connection.
    if let Ok(server) = TcpStream::connect(upstream).await {
        relay::relay(client, server, &shared, drops).await;
    }
}
