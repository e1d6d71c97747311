//! A mail server as a process of its own: it takes every letter, counts it and throws it away, so that what it costs
//! is little, and is counted apart. It speaks what a client needs: EHLO, MAIL, RCPT, DATA, RSET, NOOP, QUIT, and
//! pipelining (RFC 5321, RFC 2920).

use crate::subprocess::{Subprocess, say, standard_input};
use serde::{Deserialize, Serialize};
use std::{
    cell::Cell,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "sink-smtp";

/// What the child answers to each question.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct SinkReport {
    address: SocketAddr,
    letters: u64,
}

/// The parent's side: a running server. Dropping it kills it.
pub struct SmtpSink {
    process: Subprocess,
    address: SocketAddr,
}

impl SmtpSink {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let mut process = Subprocess::start(SUBCOMMAND)?;
        let SinkReport { address, .. } = process.ask(&()).await?;
        Ok(Self { process, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Its process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The letters that it has taken.
    ///
    /// # Errors
    /// Where it has ended.
    pub async fn letters(&mut self) -> anyhow::Result<u64> {
        Ok(self.process.ask::<SinkReport>(&()).await?.letters)
    }
}

/// The child's side: serves until its standard input ends. Must run within a `LocalSet`.
///
/// # Errors
/// Where it cannot listen.
pub async fn serve() -> anyhow::Result<()> {
    let mut questions = standard_input();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let letters = Rc::new(Cell::new(0));
    let counter = letters.clone();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A connection that breaks is its client's trouble.
            tokio::task::spawn_local(take_letters(stream, counter.clone()));
        }
    });
    while questions.recv().await.is_some() {
        say(&SinkReport { address, letters: letters.get() })?;
    }
    Ok(())
}

async fn take_letters(mut stream: TcpStream, letters: Rc<Cell<u64>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let (mut session, mut unread, mut answers) = (SinkSession::default(), Vec::new(), Vec::new());
    while !session.ended && stream.read_buf(&mut unread).await? > 0 {
        let read = session.take(&unread, &mut answers);
        unread.drain(..read);
        letters.set(letters.get() + std::mem::take(&mut session.letters));
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
            answers.clear();
        }
    }
    Ok(())
}

/// Where a connection stands.
#[derive(Debug, Default)]
struct SinkSession {
    in_data: bool,
    ended: bool,
    letters: u64,
}

impl SinkSession {
    /// Works in the complete lines of what has come; gives how many bytes they are.
    fn take(&mut self, bytes: &[u8], answers: &mut Vec<u8>) -> usize {
        let mut read = 0;
        while let Some(length) = memchr::memchr(b'\n', &bytes[read..]) {
            self.take_line(bytes[read..read + length].trim_ascii_end(), answers);
            read += length + 1;
        }
        read
    }

    fn take_line(&mut self, line: &[u8], answers: &mut Vec<u8>) {
        if self.in_data {
            if line == b"." {
                self.in_data = false;
                self.letters += 1;
                answers.extend_from_slice(b"250 taken\r\n");
            }
            return;
        }
        let verb = line.split(|byte| *byte == b' ').next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_slice() {
            b"EHLO" => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP" => b"250 ok\r\n",
            b"DATA" => {
                self.in_data = true;
                b"354 go on\r\n"
            }
            b"QUIT" => {
                self.ended = true;
                b"221 bye\r\n"
            }
            _ => b"502 not here\r\n",
        };
        answers.extend_from_slice(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted_however_their_bytes_come() {
        let talk = b"EHLO me\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\nQUIT\r\n.\r\n\
                     rset\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n.\r\nVRFY x\r\nQUIT\r\n";
        for step in [1, 7, talk.len()] {
            let (mut session, mut unread, mut answers) = (SinkSession::default(), Vec::new(), Vec::new());
            for bytes in talk.chunks(step) {
                unread.extend_from_slice(bytes);
                let read = session.take(&unread, &mut answers);
                unread.drain(..read);
            }
            assert_eq!((session.letters, session.ended), (2, true));
            let answers = String::from_utf8(answers).unwrap();
            let codes: Vec<_> =
                answers.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect();
            let of_letter = ["250", "250", "354", "250"];
            let expected = [&["250"], &of_letter[..], &["250"], &of_letter[..], &["502", "221"]].concat();
            assert_eq!(codes, expected);
        }
    }

    #[actix_web::test]
    async fn a_client_of_ours_can_send() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let letters = Rc::new(Cell::new(0));
        let counter = letters.clone();
        let serving = tokio::task::spawn_local(async move {
            take_letters(listener.accept().await.unwrap().0, counter).await
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"EHLO me\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n").await.unwrap();
        let mut told = String::new();
        client.read_to_string(&mut told).await.unwrap();
        assert!(told.starts_with("220 ") && told.ends_with("221 bye\r\n"), "{told}");
        serving.await.unwrap().unwrap();
        assert_eq!(letters.get(), 1);
    }
}
