//! One connection: two directions, each through the faults that are set.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{sleep, timeout};

use super::faults::{Counted, Faults, Shared};
use super::tail::Tail;

const CHUNK: usize = 64 * 1024;
/// A held client that sends more is no longer read, and so its end is no longer noticed.
const KEPT_LIMIT: usize = 1024 * 1024;
/// How long a server may take to run what it was sent before its connection ended.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);
/// After a release, time to learn that the client had gone before: a timer's turn includes a look at the
/// sockets.
const LAST_LOOK: Duration = Duration::from_millis(20);

enum End {
    Dropped,
    ClientGone,
    ServerGone,
    ReplyCut,
}

/// Carries bytes until one side ends, or a fault ends it. `drops`: the count when the client was accepted.
pub(super) async fn relay(mut client: TcpStream, mut server: TcpStream, shared: &Shared, drops: u64) {
    // Small commands must not wait for the kernel to collect more. An error shows in the next read.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let _open = Counted::new(shared, |counts| &mut counts.open);
    let mut faults = shared.faults.subscribe();
    let cutting = AtomicBool::new(false);
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            biased;
            _ = faults.wait_for(|faults| faults.drops != drops) => End::Dropped,
            end = to_the_client(from_server, to_client, shared, &cutting) => end,
            end = to_the_server(from_client, to_server, shared, &cutting) => end,
        }
    };
    match end {
        End::Dropped | End::ServerGone => {}
        End::ClientGone => drain(&mut server).await,
        End::ReplyCut => {
            drain(&mut server).await;
            drop(client);
            shared.counts.send_modify(|counts| counts.cut += 1);
        }
    }
}

async fn to_the_server(
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    shared: &Shared,
    cutting: &AtomicBool,
) -> End {
    let mut faults = shared.faults.subscribe();
    let mut tail = Tail::default();
    let mut kept = Vec::with_capacity(CHUNK);
    loop {
        kept.clear();
        if !matches!(client.read_buf(&mut kept).await, Ok(1..)) {
            return End::ClientGone;
        }
        tail.push(&kept);
        let (hold, releases, delay) = {
            let faults = faults.borrow();
            let hold = faults.hold.iter().any(|pattern| tail.ends_here(pattern));
            (hold, faults.releases, faults.delay_to_server)
        };
        // send_if_modified: two connections must not take the same cut.
        if shared.faults.send_if_modified(|faults| faults.take_cut(|pattern| tail.ends_here(pattern))) {
            cutting.store(true, Ordering::Release);
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let _held = hold.then(|| Counted::new(shared, |counts| &mut counts.held));
        let closed = |faults: &Faults| faults.black_hole || (hold && faults.releases == releases);
        if closed(&faults.borrow()) {
            let opened = async { faults.wait_for(|faults| !closed(faults)).await.is_ok() };
            if !keep_until(&mut client, &mut kept, opened).await {
                return End::ClientGone;
            }
        }
        if server.write_all(&kept).await.is_err() {
            return End::ServerGone;
        }
    }
}

/// Collects what the client sends until the gate opens; false when the client has gone.
async fn keep_until(
    client: &mut ReadHalf<'_>,
    kept: &mut Vec<u8>,
    opened: impl Future<Output = bool>,
) -> bool {
    let opened = async {
        let opened = opened.await;
        sleep(LAST_LOOK).await;
        opened
    };
    tokio::pin!(opened);
    loop {
        tokio::select! {
            biased;
            read = client.read_buf(kept), if kept.len() < KEPT_LIMIT => {
                if !matches!(read, Ok(1..)) {
                    return false;
                }
            }
            opened = &mut opened => return opened,
        }
    }
}

async fn to_the_client(
    mut server: ReadHalf<'_>,
    mut client: WriteHalf<'_>,
    shared: &Shared,
    cutting: &AtomicBool,
) -> End {
    let mut faults = shared.faults.subscribe();
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        chunk.clear();
        if !matches!(server.read_buf(&mut chunk).await, Ok(1..)) {
            return End::ServerGone;
        }
        // The first bytes after the command went out: the server has begun to answer.
        if cutting.load(Ordering::Acquire) {
            return End::ReplyCut;
        }
        let delay = faults.borrow().delay_to_client;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if faults.wait_for(|faults| !faults.black_hole).await.is_err()
            || client.write_all(&chunk).await.is_err()
        {
            return End::ServerGone;
        }
    }
}

/// Closes our side and reads until the server closes its own. Closing at once, with bytes unread, would
/// reset the connection and might take from the server what it has not read yet.
async fn drain(server: &mut TcpStream) {
    if server.shutdown().await.is_ok() {
        let mut sink = vec![0; CHUNK];
        let _ =
            timeout(DRAIN_DEADLINE, async { while matches!(server.read(&mut sink).await, Ok(1..)) {} }).await;
    }
}
