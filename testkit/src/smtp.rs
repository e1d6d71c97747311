//! An SMTP server that keeps what it gets: mails can be looked at, and it can be told to misbehave.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{oneshot, watch},
};

/// The longest line that is read, bytes; SMTP allows 1000.
const LINE_LIMIT: u64 = 64 * 1024;

/// A mail as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Header and body, dots unstuffed, lines ended by CRLF.
    pub raw: Vec<u8>,
}

impl ReceivedMail {
    /// Header and body as text, still in their transfer encoding.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

/// How the server treats mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpBehaviour {
    /// Takes every mail.
    Accept,
    /// Greets each new connection with this code, 4xx or 5xx, and takes no mail.
    RefuseConnection(u16),
    /// Greets nobody: connections are open and silent.
    Speechless,
    /// Answers each `RCPT TO` with this code, 4xx or 5xx.
    RefuseRecipient(u16),
    /// Answers the end of each mail's data with this code, 4xx or 5xx, and does not keep the mail.
    RefuseData(u16),
    /// Keeps the mail and never answers, as if the connection was lost at the worst moment.
    Silent,
}

/// A real SMTP server on a free port of the loopback interface, on a thread of its own.
pub struct SmtpSink {
    address: SocketAddr,
    /// Bound but never listening: keeps the port ours while the server is stopped.
    _anchor: TcpSocket,
    shared: Arc<SmtpState>,
    /// How many mails [`Self::next`] has given out.
    given: AtomicUsize,
    server: Mutex<Option<SmtpServer>>,
}

struct SmtpState {
    mails: Mutex<Vec<ReceivedMail>>,
    count: watch::Sender<usize>,
    behaviour: Mutex<SmtpBehaviour>,
}

struct SmtpServer {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl SmtpSink {
    /// Starts a server that accepts everything.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start() -> Self {
        let anchor = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = anchor.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(SmtpState {
            mails: Mutex::default(),
            count: watch::Sender::new(0),
            behaviour: Mutex::new(SmtpBehaviour::Accept),
        });
        let sink =
            Self { address, _anchor: anchor, shared, given: AtomicUsize::new(0), server: Mutex::default() };
        sink.start_again();
        sink
    }

    /// Where it listens: `smtp://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// All mails so far, in the order in which they came.
    #[must_use]
    pub fn mails(&self) -> Vec<ReceivedMail> {
        lock(&self.shared.mails).clone()
    }

    /// The next mail that this method has not given out yet; waits for it.
    ///
    /// # Panics
    /// When none comes within `timeout`.
    pub async fn next(&self, timeout: Duration) -> ReceivedMail {
        let index = self.given.fetch_add(1, Ordering::SeqCst);
        let mut count = self.shared.count.subscribe();
        let arrived = tokio::time::timeout(timeout, count.wait_for(|count| *count > index)).await;
        assert!(arrived.is_ok(), "mail number {} did not come within {timeout:?}", index + 1);
        lock(&self.shared.mails)[index].clone()
    }

    /// From now on mails are treated so.
    pub fn behave(&self, behaviour: SmtpBehaviour) {
        *lock(&self.shared.behaviour) = behaviour;
    }

    /// Stops the server and cuts its connections: the port refuses connections until
    /// [`Self::start_again`]. Mails are kept.
    pub fn stop(&self) {
        let Some(server) = lock(&self.server).take() else { return };
        // An error means that the thread has ended by itself, which joining tells.
        let _ = server.stop.send(());
        server.thread.join().expect("the SMTP server does not panic");
    }

    /// Starts a stopped server on the same port.
    ///
    /// # Panics
    /// When the port cannot be had.
    pub fn start_again(&self) {
        let mut server = lock(&self.server);
        if server.is_some() {
            return;
        }
        let socket = bind(self.address);
        let shared = Arc::clone(&self.shared);
        let (stop, stopped) = oneshot::channel();
        let (ready, listening) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = socket.listen(128).expect("the port is free");
                ready.send(()).expect("the sink waits");
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
            // Dropping the runtime cuts the connections.
        });
        listening.recv().expect("the SMTP server listens");
        *server = Some(SmtpServer { stop, thread });
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A socket that shares its address with others of ours that do not listen.
fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a shared address");
    socket.bind(address).expect("a port on the loopback interface");
    socket
}

/// Nobody panics while holding one of these locks with something half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<SmtpState>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client that goes away ends its session with an error, which is its own affair.
        tokio::spawn(async move { drop(SmtpSession::new(stream, shared).run().await) });
    }
}

/// One connection (RFC 5321).
struct SmtpSession {
    stream: BufReader<TcpStream>,
    shared: Arc<SmtpState>,
    from: String,
    to: Vec<String>,
}

impl SmtpSession {
    fn new(stream: TcpStream, shared: Arc<SmtpState>) -> Self {
        // Small answers must not wait for the client's acknowledgements.
        let _ = stream.set_nodelay(true);
        Self { stream: BufReader::new(stream), shared, from: String::new(), to: Vec::new() }
    }

    async fn run(mut self) -> std::io::Result<()> {
        match self.behaviour() {
            SmtpBehaviour::RefuseConnection(code) => {
                return self.answer(&format!("{code} no mail is taken here")).await;
            }
            SmtpBehaviour::Speechless => return std::future::pending().await,
            _ => self.answer("220 sink ESMTP").await?,
        }
        while let Some(line) = self.line().await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.answer("250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING").await?,
                "HELO" | "NOOP" => self.answer("250 OK").await?,
                "RSET" => {
                    self.reset();
                    self.answer("250 OK").await?;
                }
                "MAIL" => {
                    self.reset();
                    self.from = path(&line);
                    self.answer("250 OK").await?;
                }
                "RCPT" => self.recipient(&line).await?,
                "DATA" if self.to.is_empty() => self.answer("503 no recipients").await?,
                "DATA" => self.data().await?,
                "QUIT" => return self.answer("221 bye").await,
                _ => self.answer("502 not implemented").await?,
            }
        }
        Ok(())
    }

    fn behaviour(&self) -> SmtpBehaviour {
        *lock(&self.shared.behaviour)
    }

    fn reset(&mut self) {
        self.from.clear();
        self.to.clear();
    }

    async fn recipient(&mut self, line: &str) -> std::io::Result<()> {
        if let SmtpBehaviour::RefuseRecipient(code) = self.behaviour() {
            return self.answer(&format!("{code} the recipient is refused")).await;
        }
        self.to.push(path(line));
        self.answer("250 OK").await
    }

    async fn data(&mut self) -> std::io::Result<()> {
        self.answer("354 go ahead").await?;
        let mut raw = Vec::new();
        while let Some(line) = self.line().await? {
            match line.as_slice() {
                b".\r\n" | b".\n" => return self.finish(raw).await,
                [b'.', rest @ ..] => raw.extend_from_slice(rest),
                line => raw.extend_from_slice(line),
            }
        }
        Ok(())
    }

    async fn finish(&mut self, raw: Vec<u8>) -> std::io::Result<()> {
        let behaviour = self.behaviour();
        if let SmtpBehaviour::RefuseData(code) = behaviour {
            self.reset();
            return self.answer(&format!("{code} the mail is refused")).await;
        }
        let mail =
            ReceivedMail { from: std::mem::take(&mut self.from), to: std::mem::take(&mut self.to), raw };
        let count = {
            let mut mails = lock(&self.shared.mails);
            mails.push(mail);
            mails.len()
        };
        self.shared.count.send_if_modified(|known| {
            let more = count > *known;
            *known = count.max(*known);
            more
        });
        if behaviour == SmtpBehaviour::Silent {
            return std::future::pending().await;
        }
        self.answer("250 kept").await
    }

    /// A line with its end, or `None` at the end of the stream.
    async fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_LIMIT).read_until(b'\n', &mut line).await?;
        Ok((read > 0).then_some(line))
    }

    async fn answer(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await
    }
}

/// The address between the angle brackets of `MAIL FROM:<...>` or `RCPT TO:<...>`.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speaks as a client and gives the last answer.
    async fn speak(sink: &SmtpSink, lines: &[&str]) -> std::io::Result<String> {
        let mut stream = BufReader::new(TcpStream::connect(sink.address).await?);
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        for line in lines {
            stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
            answer.clear();
            stream.read_line(&mut answer).await?;
        }
        Ok(answer)
    }

    const MAIL: [&str; 5] = [
        "HELO me",
        "MAIL FROM:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "DATA",
        "Subject: x\r\n\r\n..dot\r\n.",
    ];

    #[tokio::test]
    async fn a_mail_is_kept_as_it_was_sent() {
        let sink = SmtpSink::start();
        assert!(speak(&sink, &MAIL).await.unwrap().starts_with("250"));
        let mail = sink.next(Duration::from_secs(5)).await;
        assert_eq!(
            (mail.from.as_str(), mail.to.as_slice()),
            ("a@example.org", &["b@example.org".to_owned()][..])
        );
        assert_eq!(mail.text(), "Subject: x\r\n\r\n.dot\r\n");
        assert_eq!(sink.mails(), [mail]);
    }

    #[tokio::test]
    async fn it_refuses_as_told_and_stops_and_starts_on_its_port() {
        let sink = SmtpSink::start();
        sink.behave(SmtpBehaviour::RefuseRecipient(450));
        assert!(speak(&sink, &MAIL[..3]).await.unwrap().starts_with("450"));
        sink.behave(SmtpBehaviour::RefuseData(554));
        assert!(speak(&sink, &MAIL).await.unwrap().starts_with("554"));
        sink.stop();
        let refused = TcpStream::connect(sink.address).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        sink.start_again();
        sink.behave(SmtpBehaviour::Accept);
        assert!(speak(&sink, &MAIL).await.unwrap().starts_with("250"));
        assert_eq!(sink.mails().len(), 1);
    }
}
