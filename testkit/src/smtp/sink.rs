//! The server as tests hold it.

use super::{
    authority::SinkEncryption,
    script::SmtpBehaviour,
    session::SmtpSession,
    state::{ReceivedMail, SmtpSinkOptions, SmtpState, lock},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{oneshot, watch},
};

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

struct SmtpServer {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl SmtpSink {
    /// Starts a server that accepts everything, unencrypted.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(SmtpSinkOptions::default())
    }

    /// Starts a server that accepts every mail.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start_with(options: SmtpSinkOptions) -> Self {
        let anchor = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = anchor.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(SmtpState {
            options,
            mails: Mutex::default(),
            count: watch::Sender::new(0),
            behaviour: watch::Sender::new(SmtpBehaviour::Accept),
            met: watch::Sender::new(0),
        });
        let sink =
            Self { address, _anchor: anchor, shared, given: AtomicUsize::new(0), server: Mutex::default() };
        sink.start_again();
        sink
    }

    /// Where it listens: `smtp://127.0.0.1:port`, without credentials; `smtps` where all is encrypted.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.shared.options.encryption {
            SinkEncryption::Implicit(_) => "smtps",
            _ => "smtp",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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

    /// From now on mails are treated so. Sessions that hang go on.
    pub fn behave(&self, behaviour: SmtpBehaviour) {
        self.shared.met.send_replace(0);
        self.shared.behaviour.send_replace(behaviour);
    }

    /// Ready when this many sessions have met what goes wrong, since the server was last told how to behave.
    ///
    /// # Panics
    /// When that takes longer than `timeout`.
    pub async fn met(&self, sessions: usize, timeout: Duration) {
        let mut met = self.shared.met.subscribe();
        let enough = tokio::time::timeout(timeout, met.wait_for(|met| *met >= sessions)).await;
        assert!(enough.is_ok(), "fewer than {sessions} sessions came so far within {timeout:?}");
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

async fn accept(listener: TcpListener, shared: Arc<SmtpState>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client that goes away ends its session with an error, which is its own affair.
        tokio::spawn(async move { drop(SmtpSession::serve(stream, shared).await) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::{SmtpFault, SmtpPhase};
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::TcpStream,
    };

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

    #[tokio::test]
    async fn it_hangs_at_a_point_until_it_is_told_otherwise() {
        let sink = SmtpSink::start();
        sink.behave(SmtpBehaviour::At(SmtpPhase::Kept, SmtpFault::Hang));
        let (answer, ()) = tokio::join!(speak(&sink, &MAIL), async {
            sink.met(1, Duration::from_secs(5)).await;
            assert_eq!(sink.mails().len(), 1);
            sink.behave(SmtpBehaviour::Accept);
        });
        assert!(answer.unwrap().starts_with("250"));
        sink.behave(SmtpBehaviour::At(SmtpPhase::Rcpt, SmtpFault::Drop));
        assert_eq!(speak(&sink, &MAIL[..3]).await.unwrap(), "", "the connection is closed");
    }
}
