//! A client of HTTP/1.1 that costs next to nothing: it shares the machine with what it measures.
//!
//! Requests are written as they stand, answers are read as far as the load generator looks at them.

use anyhow::{Context, bail};
use std::net::{IpAddr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// A connection that is kept alive.
pub struct HttpConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct HttpAnswer<'a> {
    /// Its status.
    pub status: u16,
    /// After how many seconds to come again, if it says so.
    pub retry_after: Option<u64>,
    /// Its body.
    pub body: &'a [u8],
}

/// Where the parts of an answer are.
#[derive(Debug, PartialEq, Eq)]
struct AnswerHead {
    status: u16,
    retry_after: Option<u64>,
    body: usize,
    length: usize,
}

impl HttpConnection {
    /// Connects.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Self::over(TcpStream::connect(address).await?)
    }

    /// Connects from an address of this machine, `127.0.0.2`: to the service it is another client.
    ///
    /// # Errors
    /// Those of the socket. macOS has no such addresses before they are set up.
    pub async fn open_from(from: IpAddr, address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into()).with_context(|| format!("{from} is no address of this machine"))?;
        Self::over(socket.connect(address).await?)
    }

    fn over(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// Where the connection fails, or the answer has no length.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<HttpAnswer<'_>> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the service has closed the connection");
            }
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
        };
        while self.buffer.len() < head.body + head.length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the service has closed the connection within an answer");
            }
        }
        let body = &self.buffer[head.body..head.body + head.length];
        Ok(HttpAnswer { status: head.status, retry_after: head.retry_after, body })
    }
}

/// Reads the head of an answer, if it is complete.
fn head(bytes: &[u8]) -> anyhow::Result<Option<AnswerHead>> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).context("a head that is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)).context("an answer without a status")?;
    let (mut length, mut retry_after) = (None, None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("retry-after") {
            retry_after = Some(value.trim().parse()?);
        }
    }
    let length = length.context("an answer without a length")?;
    Ok(Some(AnswerHead { status: status.parse()?, retry_after, body: end + 4, length }))
}

/// Where `wanted` begins.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, wanted)
}

/// The first text of this member in a JSON document, without looking at its structure.
#[must_use]
pub fn text_of<'a>(body: &'a [u8], member: &str) -> Option<&'a str> {
    let key = format!("\"{member}\":\"");
    let rest = &body[find(body, key.as_bytes())? + key.len()..];
    std::str::from_utf8(&rest[..find(rest, b"\"")?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_they_are_complete() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nx-request-id: a\r\n\r\n{\"a\":\"b\"}";
        assert_eq!(head(&answer[..20]).unwrap(), None);
        assert_eq!(
            head(answer).unwrap(),
            Some(AnswerHead { status: 201, retry_after: None, body: 61, length: 12 })
        );
        let busy = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(head(busy).unwrap().unwrap().retry_after, Some(2));
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(head(b"nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn members_are_found() {
        let body = br#"{"code":"seat_taken","seats":[{"designator":"12A"}]}"#;
        assert_eq!(text_of(body, "code"), Some("seat_taken"));
        assert_eq!(text_of(body, "designator"), Some("12A"));
        assert_eq!(text_of(body, "locator"), None);
    }
}
