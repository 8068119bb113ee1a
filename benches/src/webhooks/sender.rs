//! One connection that is kept open, and as little HTTP as its answers need.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Longer than any answer of the receivers.
const ANSWER_BYTES: usize = 4096;

/// Sends one request at a time and waits for its answer.
pub struct Sender {
    stream: TcpStream,
    answer: Box<[u8; ANSWER_BYTES]>,
}

impl Sender {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(receiver: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(receiver).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Box::new([0; ANSWER_BYTES]) })
    }

    /// Sends a whole request and returns the status of its answer, which has been read to its end.
    ///
    /// # Errors
    /// When the connection breaks, or the answer has no length or is too long.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            let Some((head, body)) = split(&self.answer[..filled]) else { continue };
            let (status, length) = parsed(head).ok_or(io::ErrorKind::InvalidData)?;
            if body.len() >= length {
                return Ok(status);
            }
        }
    }
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&answer[..end], &answer[end + 4..]))
}

/// Status and length of the body.
fn parsed(head: &[u8]) -> Option<(u16, usize)> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    Some((status, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_by_its_length() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nDate: x\r\nContent-Length: 3\r\n\r\nabc";
        let (head, body) = split(answer).expect("a head");
        assert_eq!((parsed(head), body), (Some((503, 3)), &b"abc"[..]));
        assert_eq!(split(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(parsed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"), None);
    }
}
