//! A connection on which tests write HTTP byte by byte: what no client would send.

use std::{cell::Cell, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long a part of an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open connection.
pub struct RawConnection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer's head and what of its body had come when it was read.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// Status line and headers, in small letters.
    pub head: String,
    /// The body, with its framing.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// A header's value, in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find(|(present, _)| *present == name).map(|(_, value)| value)
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

impl RawConnection {
    /// Connects; `base` is `http://127.0.0.1:8080`.
    ///
    /// # Panics
    /// When nobody listens there.
    pub async fn open(base: &str) -> Self {
        let address = base.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
        Self { stream, read: Vec::new() }
    }

    /// Writes these bytes. An end that the server has closed is no error: its answer may be on its way.
    pub async fn send(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).await);
    }

    /// Writes parts one after the other until the server says something or closes; gives the bytes that were written.
    pub async fn send_until_answered(&mut self, parts: impl Iterator<Item = Vec<u8>>) -> usize {
        let sent = Cell::new(0);
        let (mut reader, mut writer) = self.stream.split();
        let writing = async {
            for part in parts {
                if writer.write_all(&part).await.is_err() {
                    return;
                }
                sent.set(sent.get() + part.len());
            }
        };
        tokio::select! {
            // An end without a word is told by the next read.
            _ = reader.read_buf(&mut self.read) => {}
            () = writing => {}
        }
        sent.get()
    }

    /// Reads until the server closes the connection.
    ///
    /// # Panics
    /// When it does not, or when what comes is no answer.
    pub async fn to_end(self) -> RawAnswer {
        self.answer_if_any().await.expect("an answer")
    }

    /// Reads until the server closes the connection; `None` where it does so without a word.
    ///
    /// # Panics
    /// When it does not close, or when what comes is no answer.
    pub async fn answer_if_any(mut self) -> Option<RawAnswer> {
        while self.more().await > 0 {}
        let answer = self.answer();
        assert!(
            answer.is_some() || self.read.is_empty(),
            "no answer: {:?}",
            String::from_utf8_lossy(&self.read)
        );
        answer
    }

    /// Reads a head and as much of the body as this text ends.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn until(&mut self, text: &str) -> RawAnswer {
        loop {
            match self.answer() {
                Some(answer) if String::from_utf8_lossy(&answer.body).contains(text) => return answer,
                _ => assert!(self.more().await > 0, "{:?}", String::from_utf8_lossy(&self.read)),
            }
        }
    }

    async fn more(&mut self) -> usize {
        let reading = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        reading.expect("the server says something").unwrap_or(0)
    }

    fn answer(&self) -> Option<RawAnswer> {
        let end = self.read.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
        Some(RawAnswer { head, body: self.read[end + 4..].to_vec() })
    }
}
