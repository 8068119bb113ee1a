//! What a server was told: a recording of MONITOR.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::eventually_true;

const DEADLINE: Duration = Duration::from_secs(10);

/// Every command that a server has run since [`TestRedis::monitor`](crate::TestRedis::monitor), those of
/// scripts included, one line each as MONITOR writes it. The recording ends when this is dropped.
#[derive(Debug)]
pub struct Monitor {
    lines: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
    connection: MultiplexedConnection,
    fences: u64,
}

impl Monitor {
    pub(crate) async fn start(
        server: SocketAddr,
        password: Option<&str>,
        connection: MultiplexedConnection,
    ) -> Self {
        let mut stream = TcpStream::connect(server).await.expect("connecting to the test's Redis");
        if let Some(password) = password {
            stream.write_all(format!("AUTH {password}\r\n").as_bytes()).await.expect("AUTH is sent");
        }
        stream.write_all(b"MONITOR\r\n").await.expect("MONITOR is sent");
        let mut stream = BufReader::new(stream);
        for _ in 0..1 + usize::from(password.is_some()) {
            let mut answer = String::new();
            let read = timeout(DEADLINE, stream.read_line(&mut answer)).await;
            assert!(matches!(read, Ok(Ok(_))) && answer == "+OK\r\n", "MONITOR was refused: {answer}");
        }
        let lines = Arc::new(Mutex::new(Vec::new()));
        let reader = tokio::spawn(record(stream, Arc::clone(&lines)));
        Self { lines, reader, connection, fences: 0 }
    }

    /// The lines so far: everything that any client was answered before this call is in them.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn lines(&mut self) -> Vec<String> {
        // A command of our own comes after all that the server ran before: once it is read, so are they.
        self.fences += 1;
        let fence = format!("monitor-fence-{}-of-{:?}", self.fences, self.reader.id());
        let echoed: redis::RedisResult<String> =
            redis::cmd("ECHO").arg(&fence).query_async(&mut self.connection).await;
        echoed.unwrap_or_else(|error| panic!("the monitored Redis is gone: {error}"));
        let lines = &self.lines;
        let quoted = format!("\"{fence}\"");
        eventually_true(DEADLINE, "MONITOR shows our own command", async || {
            locked(lines).iter().rev().any(|line| line.contains(&quoted))
        })
        .await;
        let lines = locked(lines);
        lines.iter().filter(|line| !line.contains("monitor-fence-")).cloned().collect()
    }

    /// Ends the recording and returns its lines.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn stop(mut self) -> Vec<String> {
        self.lines().await
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn record(mut stream: BufReader<TcpStream>, lines: Arc<Mutex<Vec<String>>>) {
    let mut line = Vec::new();
    // Ends with the server; lines() notices then that it is gone.
    while matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        locked(&lines).push(text.trim_start_matches('+').trim_end().to_owned());
        line.clear();
    }
}

fn locked(lines: &Mutex<Vec<String>>) -> std::sync::MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
