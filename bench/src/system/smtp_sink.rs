//! A mail server as a process of its own: it takes every letter, counts it and throws it away, so that what it costs
//! is little, and is counted apart. It speaks what a client needs: EHLO, MAIL, RCPT, DATA, RSET, NOOP, QUIT, and
//! pipelining (RFC 5321, RFC 2920).

use crate::subprocess::{Subprocess, say, standard_input};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "sink-smtp";

/// What the child is asked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum SinkQuestion {
    /// How many letters there are, once there are so many.
    Letters { at_least: u64 },
    /// To keep the next letter.
    KeepNext,
    /// The letter that was kept.
    Kept,
}

/// What the child answers to each question.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SinkReport {
    address: SocketAddr,
    letters: u64,
    kept: Option<String>,
}

/// What all connections of the server share.
struct SinkState {
    letters: watch::Sender<u64>,
    keeps_next: Cell<bool>,
    kept: RefCell<Option<String>>,
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
        let SinkReport { address, .. } = process.ask(&SinkQuestion::Letters { at_least: 0 }).await?;
        Ok(Self { process, address })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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
        self.wait_for(0).await
    }

    /// The letters that it has taken, once there are so many.
    ///
    /// # Errors
    /// Where it has ended, or that takes longer than a minute.
    pub async fn wait_for(&mut self, letters: u64) -> anyhow::Result<u64> {
        let question = SinkQuestion::Letters { at_least: letters };
        let answer: SinkReport = self.process.ask(&question).await.context("letters are missing")?;
        Ok(answer.letters)
    }

    /// Has it keep the next letter.
    ///
    /// # Errors
    /// Where it has ended.
    pub async fn keep_next(&mut self) -> anyhow::Result<()> {
        self.process.ask::<SinkReport>(&SinkQuestion::KeepNext).await.map(drop)
    }

    /// The letter that it has kept, in lines that end with a line feed.
    ///
    /// # Errors
    /// Where it has kept none, or has ended.
    pub async fn kept(&mut self) -> anyhow::Result<String> {
        self.process.ask::<SinkReport>(&SinkQuestion::Kept).await?.kept.context("no letter was kept")
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
    let state = SinkState::new();
    let shared = state.clone();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A connection that breaks is its client's trouble.
            tokio::task::spawn_local(take_letters(stream, shared.clone()));
        }
    });
    while let Some(question) = questions.recv().await {
        let mut kept = None;
        match serde_json::from_str(&question)? {
            SinkQuestion::Letters { at_least } => {
                state.letters.subscribe().wait_for(|letters| *letters >= at_least).await?;
            }
            SinkQuestion::KeepNext => state.keeps_next.set(true),
            SinkQuestion::Kept => kept = state.kept.take(),
        }
        say(&SinkReport { address, letters: *state.letters.borrow(), kept })?;
    }
    Ok(())
}

impl SinkState {
    fn new() -> Rc<Self> {
        let (letters, keeps_next) = (watch::Sender::new(0), Cell::new(false));
        Rc::new(Self { letters, keeps_next, kept: RefCell::default() })
    }

    /// Notes what a session has taken.
    fn note(&self, session: &mut SinkSession) {
        if let Some(kept) = session.kept.take() {
            self.kept.replace(Some(kept));
        }
        let taken = std::mem::take(&mut session.letters);
        if taken > 0 {
            self.letters.send_modify(|letters| *letters += taken);
        }
    }
}

async fn take_letters(mut stream: TcpStream, state: Rc<SinkState>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let (mut session, mut unread, mut answers) = (SinkSession::default(), Vec::new(), Vec::new());
    while !session.ended && stream.read_buf(&mut unread).await? > 0 {
        if state.keeps_next.get() && !session.in_data {
            session.keeping.get_or_insert_default();
        }
        let read = session.take(&unread, &mut answers);
        unread.drain(..read);
        if session.kept.is_some() {
            state.keeps_next.set(false);
        }
        state.note(&mut session);
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
    /// The letter that is being kept, as it comes.
    keeping: Option<String>,
    /// The letter that was kept.
    kept: Option<String>,
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
                self.kept = self.keeping.take().or(self.kept.take());
                answers.extend_from_slice(b"250 taken\r\n");
            } else if let Some(keeping) = &mut self.keeping {
                let line = String::from_utf8_lossy(line);
                // A dot at the beginning of a line is sent twice (RFC 5321, 4.5.2).
                keeping.push_str(line.strip_prefix('.').unwrap_or(&line));
                keeping.push('\n');
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
            assert_eq!((session.letters, session.ended, session.kept), (2, true, None));
            let answers = String::from_utf8(answers).unwrap();
            let codes: Vec<_> =
                answers.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect();
            let of_letter = ["250", "250", "354", "250"];
            let expected = [&["250"], &of_letter[..], &["250"], &of_letter[..], &["502", "221"]].concat();
            assert_eq!(codes, expected);
        }
    }

    #[test]
    fn a_letter_is_kept_as_it_was_before_it_was_sent() {
        let mut session = SinkSession { keeping: Some(String::new()), ..SinkSession::default() };
        session.take(b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nDATA\r\nother\r\n.\r\n", &mut Vec::new());
        assert_eq!((session.letters, session.kept.as_deref()), (2, Some("Subject: x\n\n.dot\n")));
    }

    #[actix_web::test]
    async fn a_client_of_ours_can_send() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = SinkState::new();
        let shared = state.clone();
        let serving = tokio::task::spawn_local(async move {
            take_letters(listener.accept().await.unwrap().0, shared).await
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"EHLO me\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n").await.unwrap();
        let mut told = String::new();
        client.read_to_string(&mut told).await.unwrap();
        assert!(told.starts_with("220 ") && told.ends_with("221 bye\r\n"), "{told}");
        serving.await.unwrap().unwrap();
        assert_eq!(*state.letters.borrow(), 1);
    }
}
