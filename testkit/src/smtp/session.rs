//! A session of the server (RFC 5321).

use super::{
    authority::{SinkEncryption, TestAuthority},
    script::{SmtpFault, SmtpPhase},
    state::{ReceivedMail, SmtpState},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    io::{self, ErrorKind},
    sync::Arc,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// The longest line that is read, bytes; SMTP allows 1000.
const LINE_LIMIT: u64 = 64 * 1024;

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// One connection.
pub(super) struct SmtpSession {
    stream: BufReader<Box<dyn Stream>>,
    shared: Arc<SmtpState>,
    is_encrypted: bool,
    is_authenticated: bool,
    from: String,
    to: Vec<String>,
}

/// What follows a command.
enum Next {
    Command,
    StartTls(TestAuthority),
    End,
}

impl SmtpSession {
    /// Serves a connection to its end. An error is the client's own affair.
    pub(super) async fn serve(stream: TcpStream, shared: Arc<SmtpState>) -> io::Result<()> {
        // Small answers must not wait for the client's acknowledgements.
        stream.set_nodelay(true)?;
        let mut session = Self::over(Box::new(stream), shared, false);
        if session.trouble(SmtpPhase::Connected).await?.is_some() {
            return Ok(());
        }
        if let SinkEncryption::Implicit(authority) = session.shared.options.encryption.clone() {
            session = session.encrypted(&authority).await?;
        }
        if let Some(code) = session.trouble(SmtpPhase::Greeting).await? {
            return session.answer(&format!("{code} no mail is taken here")).await;
        }
        session.answer("220 sink ESMTP").await?;
        loop {
            match session.commands().await? {
                Next::StartTls(authority) => session = session.encrypted(&authority).await?,
                _ => return Ok(()),
            }
        }
    }

    fn over(stream: Box<dyn Stream>, shared: Arc<SmtpState>, is_encrypted: bool) -> Self {
        let stream = BufReader::new(stream);
        Self { stream, shared, is_encrypted, is_authenticated: false, from: String::new(), to: Vec::new() }
    }

    /// The same connection, encrypted; a new session.
    async fn encrypted(self, authority: &TestAuthority) -> io::Result<Self> {
        let stream = authority.acceptor.accept(self.stream.into_inner()).await?;
        Ok(Self::over(Box::new(stream), self.shared, true))
    }

    /// Answers commands, to the end of the connection or of its unencrypted part.
    async fn commands(&mut self) -> io::Result<Next> {
        while let Some(line) = self.line().await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            match self.command(&line).await? {
                Next::Command => {}
                next => return Ok(next),
            }
        }
        Ok(Next::End)
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let phase = match verb.as_str() {
            "EHLO" => Some(SmtpPhase::Ehlo),
            "STARTTLS" => Some(SmtpPhase::StartTls),
            "AUTH" => Some(SmtpPhase::Auth),
            "MAIL" => Some(SmtpPhase::Mail),
            "RCPT" => Some(SmtpPhase::Rcpt),
            "DATA" => Some(SmtpPhase::Data),
            _ => None,
        };
        if let Some(phase) = phase
            && let Some(code) = self.trouble(phase).await?
        {
            self.answer(&format!("{code} refused")).await?;
            return Ok(Next::Command);
        }
        match verb.as_str() {
            "EHLO" => self.hello().await?,
            "HELO" | "NOOP" => self.answer("250 OK").await?,
            "RSET" => {
                self.reset();
                self.answer("250 OK").await?;
            }
            "STARTTLS" => return self.start_tls().await,
            "AUTH" => self.authenticate(line).await?,
            "MAIL" if self.shared.options.credentials.is_some() && !self.is_authenticated => {
                self.answer("530 authentication is required").await?;
            }
            "MAIL" => {
                self.reset();
                self.from = path(line);
                self.answer("250 OK").await?;
            }
            "RCPT" => {
                self.to.push(path(line));
                self.answer("250 OK").await?;
            }
            "DATA" if self.to.is_empty() => self.answer("503 no recipients").await?,
            "DATA" => self.data().await?,
            "QUIT" => {
                self.answer("221 bye").await?;
                return Ok(Next::End);
            }
            _ => self.answer("502 not implemented").await?,
        }
        Ok(Next::Command)
    }

    /// Carries out what goes wrong at a point; gives the code that is to be answered, if any.
    async fn trouble(&self, phase: SmtpPhase) -> io::Result<Option<u16>> {
        let mut behaviour = self.shared.behaviour.subscribe();
        loop {
            let fault = behaviour.borrow_and_update().fault(phase);
            let Some(fault) = fault else { return Ok(None) };
            self.shared.met.send_modify(|met| *met += 1);
            match fault {
                SmtpFault::Answer(code) => return Ok(Some(code)),
                SmtpFault::Drop => return Err(ErrorKind::ConnectionAborted.into()),
                // The server lives as long as its sessions.
                SmtpFault::Hang => drop(behaviour.changed().await),
            }
        }
    }

    async fn hello(&mut self) -> io::Result<()> {
        let options = &self.shared.options;
        let mut offers = vec!["sink", "8BITMIME", "SMTPUTF8", "PIPELINING"];
        let has_start_tls = matches!(options.encryption, SinkEncryption::StartTls(_));
        if has_start_tls && !self.is_encrypted {
            offers.push("STARTTLS");
        } else if options.credentials.is_some() {
            offers.push("AUTH PLAIN");
        }
        let last = offers.len() - 1;
        let lines: Vec<_> = offers
            .iter()
            .enumerate()
            .map(|(number, offer)| format!("250{}{offer}", if number == last { ' ' } else { '-' }))
            .collect();
        self.answer(&lines.join("\r\n")).await
    }

    async fn start_tls(&mut self) -> io::Result<Next> {
        match self.shared.options.encryption.clone() {
            SinkEncryption::StartTls(authority) if !self.is_encrypted => {
                self.answer("220 go ahead").await?;
                match self.trouble(SmtpPhase::Handshake).await? {
                    // What is no handshake.
                    Some(code) => self.answer(&format!("{code} refused")).await.map(|()| Next::End),
                    None => Ok(Next::StartTls(authority)),
                }
            }
            _ => self.answer("502 not implemented").await.map(|()| Next::Command),
        }
    }

    async fn authenticate(&mut self, line: &str) -> io::Result<()> {
        let given = line.split(' ').nth(2).and_then(|text| STANDARD.decode(text).ok());
        let wanted = self.shared.options.credentials.as_ref();
        self.is_authenticated =
            wanted.is_some_and(|(user, password)| given == Some(format!("\0{user}\0{password}").into()));
        self.answer(if self.is_authenticated { "235 welcome" } else { "535 wrong credentials" }).await
    }

    fn reset(&mut self) {
        self.from.clear();
        self.to.clear();
    }

    async fn data(&mut self) -> io::Result<()> {
        self.answer("354 go ahead").await?;
        let mut raw = Vec::new();
        while let Some(line) = self.line().await? {
            if raw.is_empty() {
                // No code can be answered here.
                self.trouble(SmtpPhase::Body).await?;
            }
            match line.as_slice() {
                b".\r\n" | b".\n" => return self.finish(raw).await,
                [b'.', rest @ ..] => raw.extend_from_slice(rest),
                line => raw.extend_from_slice(line),
            }
        }
        Ok(())
    }

    async fn finish(&mut self, raw: Vec<u8>) -> io::Result<()> {
        if let Some(code) = self.trouble(SmtpPhase::End).await? {
            self.reset();
            return self.answer(&format!("{code} the mail is refused")).await;
        }
        let (from, to) = (std::mem::take(&mut self.from), std::mem::take(&mut self.to));
        self.shared.keep(ReceivedMail { from, to, raw });
        if let Some(code) = self.trouble(SmtpPhase::Kept).await? {
            return self.answer(&format!("{code} kept all the same")).await;
        }
        self.answer("250 kept").await
    }

    /// A line with its end, or `None` at the end of the stream.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_LIMIT).read_until(b'\n', &mut line).await?;
        Ok((read > 0).then_some(line))
    }

    async fn answer(&mut self, text: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.flush().await
    }
}

/// The address between the angle brackets of `MAIL FROM:<...>` or `RCPT TO:<...>`.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}
