//! HTTP by hand, for requests that no client would send and answers that are compared byte by byte.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::fixture::PATIENCE;

/// Sends these bytes and reads until the server closes the connection.
pub(crate) async fn exchange(server: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(server).await.expect("the server listens");
    // A server that has answered may close before everything is sent.
    let _ = stream.write_all(request.as_ref()).await;
    read_to_the_end(&mut stream).await
}

/// Reads until the server closes the connection.
pub(crate) async fn read_to_the_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset after the answer is an end, too: bytes that the server did not want were still on the way.
    drop(read.expect("the server closes the connection"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request with a whole body, on a connection of its own.
pub(crate) fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: ingest\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("not an answer: {answer:?}"))
}

/// An answer without the one line that the clock writes.
pub(crate) fn without_date(answer: &str) -> String {
    let lines = answer.split("\r\n");
    let kept: Vec<_> = lines.filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect();
    kept.join("\r\n")
}
