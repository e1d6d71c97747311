//! Mails over SMTP, on connections that are kept for the next ones.
//!
//! The pool is our own, for lettre's gives a connection back whose mail was cut off by a timeout: the
//! next mail would then be answered with the answer to the one before. Here a connection is kept only
//! after its mail was taken, and whatever is cut off takes its connection with it.

use super::smtp_url::{InvalidSmtpUrl, SmtpEncryption, SmtpEndpoint};
use crate::{
    domain::{DeliveryAttempt, DeliveryOutcome},
    render::RenderedMail,
};
use futures_util::future::join_all;
use lettre::transport::smtp::{
    Error,
    authentication::DEFAULT_MECHANISMS,
    client::{AsyncSmtpConnection, TlsParameters},
    extension::ClientId,
    response::Response,
};
use secrecy::SecretString;
use std::{
    error::Error as _,
    fmt::Write,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};

/// Idle connections are not used any more before most servers close them.
const IDLE: Duration = Duration::from_secs(30);

/// The longest that saying goodbye may take.
const QUIT: Duration = Duration::from_secs(1);

/// Answers about us and not about a letter: authentication is wanted or fails (530, 534, 535, 538),
/// TLS is not to be had (454), the service closes (421). Each letter would get the same.
const ABOUT_US: [u16; 6] = [421, 454, 530, 534, 535, 538];

/// How far a letter came.
enum SmtpFailure {
    /// Greeting, EHLO, STARTTLS or authentication failed: the server has not heard of the letter, so
    /// whatever it said is about us.
    Connect(Error),
    /// There is no connection at all.
    Refused(io::Error),
    /// The same took too long.
    Slow,
    /// The server was ready, and did not take the letter.
    Send(Error),
}

/// A mail server.
pub(crate) struct SmtpTransport {
    server: SmtpEndpoint,
    hello: ClientId,
    connect_timeout: Duration,
    /// Connections at most.
    connections: usize,
    /// The connections that are not in use, open or not.
    free: Semaphore,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl SmtpTransport {
    /// A server by its URL: `smtps://` (TLS from the start), `smtp://...?tls=required` (STARTTLS) or
    /// `smtp://` (unencrypted; with a password only as `smtp://...?tls=none`). Connects only when there is
    /// something to send.
    ///
    /// `connections` is the size of the pool; `connect_timeout` bounds the connecting, until the server
    /// is ready for a mail.
    ///
    /// # Errors
    /// [`InvalidSmtpUrl`].
    pub(crate) fn new(
        url: &SecretString,
        connections: usize,
        connect_timeout: Duration,
    ) -> Result<Self, InvalidSmtpUrl> {
        let (server, hello) = (SmtpEndpoint::parse(url)?, ClientId::default());
        let (free, idle) = (Semaphore::new(connections), Mutex::default());
        Ok(Self { server, hello, connect_timeout, connections, free, idle })
    }

    /// Connections at most.
    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// Sends a mail, as soon as a connection is free. From then on it takes `longest` at most. Dropping the future
    /// closes its connection.
    pub(super) async fn send(&self, mail: &RenderedMail, longest: Duration) -> DeliveryAttempt {
        // Nobody closes the semaphore.
        let _connection = self.free.acquire().await;
        timeout(longest, self.attempt(mail)).await.unwrap_or_else(|_| DeliveryAttempt::unanswered(longest))
    }

    async fn attempt(&self, mail: &RenderedMail) -> DeliveryAttempt {
        match self.deliver(mail).await {
            Ok(response) => {
                let words: Vec<&str> = response.message().collect();
                DeliveryAttempt::new(DeliveryOutcome::Sent, code(&response), &words.join(" "))
            }
            Err(SmtpFailure::Slow) => {
                let reason = format!("no connection within {} ms", self.connect_timeout.as_millis());
                DeliveryAttempt::new(DeliveryOutcome::Unreachable, None, &reason)
            }
            Err(SmtpFailure::Refused(error)) => {
                let reason = format!("no connection: {error}");
                DeliveryAttempt::new(DeliveryOutcome::Unreachable, None, &reason)
            }
            Err(SmtpFailure::Connect(error)) => {
                DeliveryAttempt::new(DeliveryOutcome::Unreachable, error_code(&error), &chain(&error))
            }
            Err(SmtpFailure::Send(error)) => {
                DeliveryAttempt::new(outcome(&error), error_code(&error), &chain(&error))
            }
        }
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<Response, SmtpFailure> {
        let mut connection = self.connection().await?;
        // On an error lettre has closed it.
        let sent = connection.send(&mail.envelope, &mail.bytes).await;
        let response = sent.map_err(SmtpFailure::Send)?;
        let mut idle = self.idle();
        if idle.len() < self.connections && !connection.has_broken() {
            idle.push((connection, Instant::now()));
        }
        Ok(response)
    }

    /// A connection that is good now: a kept one, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, SmtpFailure> {
        loop {
            let kept = self.idle().pop();
            let Some((mut connection, since)) = kept else {
                let connected = timeout(self.connect_timeout, self.connect()).await;
                return connected.unwrap_or(Err(SmtpFailure::Slow));
            };
            // Older ones lie deeper: they are met, and dropped, in the following rounds.
            if since.elapsed() < IDLE && connection.test_connected().await {
                return Ok(connection);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpFailure> {
        let SmtpEndpoint { host, port, encryption, credentials } = &self.server;
        let address = (host.as_str(), *port);
        let mut connection = match encryption {
            SmtpEncryption::Implicit(parameters) => {
                let (bound, parameters) = (Some(self.connect_timeout), Some(parameters.clone()));
                AsyncSmtpConnection::connect_tokio1(address, bound, &self.hello, parameters, None).await
            }
            _ => {
                let stream = TcpStream::connect(address).await.map_err(SmtpFailure::Refused)?;
                // The end of a mail is a packet of its own. Without this it would wait until the server has
                // acknowledged the mail, which servers do some 40 ms late.
                stream.set_nodelay(true).map_err(SmtpFailure::Refused)?;
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello).await
            }
        }
        .map_err(SmtpFailure::Connect)?;
        if let Some(parameters) = self.start_tls(&connection) {
            connection.starttls(parameters, &self.hello).await.map_err(SmtpFailure::Connect)?;
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(SmtpFailure::Connect)?;
        }
        Ok(connection)
    }

    /// What to start TLS with on a fresh connection. Where it is required and not offered, starting it
    /// fails.
    fn start_tls(&self, connection: &AsyncSmtpConnection) -> Option<TlsParameters> {
        match &self.server.encryption {
            SmtpEncryption::Required(parameters) => Some(parameters.clone()),
            SmtpEncryption::Opportunistic(parameters) if connection.can_starttls() => {
                Some(parameters.clone())
            }
            _ => None,
        }
    }

    /// Closes idle connections.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle());
        let goodbyes = idle.into_iter().map(|(mut connection, _)| async move {
            // A server that does not answer sees the connection closed.
            let _ = timeout(QUIT, connection.quit()).await;
        });
        join_all(goodbyes).await;
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        // Nobody panics while changing it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn code(response: &Response) -> Option<i16> {
    i16::try_from(u16::from(response.code())).ok()
}

fn error_code(error: &Error) -> Option<i16> {
    error.status().and_then(|code| i16::try_from(u16::from(code)).ok())
}

/// What an error of sending means for the letter.
fn outcome(error: &Error) -> DeliveryOutcome {
    match error.status().map(u16::from) {
        Some(code) if ABOUT_US.contains(&code) => DeliveryOutcome::Unreachable,
        _ if error.is_permanent() => DeliveryOutcome::Refused,
        // What the client itself objects to (an address that the server's extensions do not allow) may
        // be this letter's fault: it must not hold up the others, and is given up in the end.
        _ if error.is_transient() || error.is_client() => DeliveryOutcome::Deferred,
        // Refused and lost connections, timeouts, TLS: lettre calls them neither transient nor permanent.
        _ => DeliveryOutcome::Unreachable,
    }
}

/// The error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // lettre's Display shows its direct cause already.
        if !text.contains(&cause_text) {
            // Writing to a string does not fail.
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}
