//! One connection to a mail server, step by step. Each answer that is waited for has its bound.

use super::smtp_url::{SmtpEncryption, SmtpEndpoint};
use crate::render::RenderedMail;
use lettre::transport::smtp::{
    Error,
    authentication::DEFAULT_MECHANISMS,
    client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters},
    commands::{Data, Mail, Rcpt},
    extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    response::Response,
};
use std::{error::Error as _, fmt, fmt::Write, io, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// The longest that saying goodbye may take.
const QUIT: Duration = Duration::from_secs(1);

/// What is asked of a mail server, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SmtpStep {
    /// A TCP connection.
    Connect,
    /// The handshake, with TLS from the first byte.
    Tls,
    /// The greeting, and the answer to EHLO.
    Greeting,
    /// STARTTLS, the handshake, and EHLO once more.
    StartTls,
    /// AUTH.
    Authentication,
    /// MAIL FROM. From here on an answer is about a letter.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The mail and its end.
    End,
}

impl fmt::Display for SmtpStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::Greeting => "greeting",
            Self::StartTls => "STARTTLS",
            Self::Authentication => "AUTH",
            Self::Sender => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::End => "end of data",
        })
    }
}

/// Why a step went wrong.
#[derive(Debug)]
pub(super) enum SmtpFault {
    /// There is no connection, or no encryption.
    Unconnected(io::Error),
    /// It took longer than this.
    Slow(Duration),
    /// The server said no, or the connection was lost.
    Failed(Error),
}

/// How far a letter came.
#[derive(Debug)]
pub(super) struct SmtpFailure {
    pub(super) step: SmtpStep,
    pub(super) fault: SmtpFault,
}

impl SmtpFailure {
    /// The server's code, where it answered.
    pub(super) fn code(&self) -> Option<u16> {
        match &self.fault {
            SmtpFault::Failed(error) => error.status().map(u16::from),
            _ => None,
        }
    }
}

impl fmt::Display for SmtpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.step;
        match &self.fault {
            SmtpFault::Unconnected(error) => write!(f, "{step}: {error}"),
            SmtpFault::Slow(bound) => write!(f, "{step}: no answer within {} ms", bound.as_millis()),
            SmtpFault::Failed(error) => write!(f, "{step}: {}", chain(error)),
        }
    }
}

/// Bounds of the steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SmtpTimeouts {
    /// Of the TCP connection.
    pub(crate) connect: Duration,
    /// Of each answer but that to a whole mail, which the bound of the whole letter covers: a server may look at a mail
    /// for long, and whoever gives up then does not know whether it was taken (RFC 5321, 4.5.3.2.6).
    pub(crate) answer: Duration,
}

/// A connection that is ready for a mail.
pub(super) struct SmtpSession {
    connection: AsyncSmtpConnection,
    answer: Duration,
}

impl SmtpSession {
    /// Connects, encrypts and authenticates as the server's URL says.
    pub(super) async fn connect(
        server: &SmtpEndpoint,
        hello: &ClientId,
        timeouts: SmtpTimeouts,
    ) -> Result<Self, SmtpFailure> {
        let SmtpTimeouts { connect, answer } = timeouts;
        let connecting = TcpStream::connect((server.host.as_str(), server.port));
        let stream = bounded_io(SmtpStep::Connect, connect, connecting).await?;
        // The end of a mail is a packet of its own. Without this it would wait until the server has acknowledged the
        // mail, which servers do some 40 ms late.
        bounded_io(SmtpStep::Connect, connect, std::future::ready(stream.set_nodelay(true))).await?;
        let stream: Box<dyn AsyncTokioStream> = match &server.encryption {
            SmtpEncryption::Implicit(tls) => {
                Box::new(bounded_io(SmtpStep::Tls, answer, tls.encrypt(stream)).await?)
            }
            _ => Box::new(stream),
        };
        let greeting = AsyncSmtpConnection::connect_with_transport(stream, hello);
        let mut connection = bounded(SmtpStep::Greeting, answer, greeting).await?;
        if let Some(parameters) = start_tls(server, &connection) {
            let starting = connection.starttls(parameters, hello);
            bounded(SmtpStep::StartTls, answer, starting).await?;
        }
        if let Some(credentials) = &server.credentials {
            let authenticating = connection.auth(DEFAULT_MECHANISMS, credentials);
            bounded(SmtpStep::Authentication, answer, authenticating).await?;
        }
        Ok(Self { connection, answer })
    }

    /// Whether the server still answers.
    pub(super) async fn is_alive(&mut self) -> bool {
        timeout(self.answer, self.connection.test_connected()).await.unwrap_or(false)
    }

    /// Names the sender of a mail.
    pub(super) async fn begin(&mut self, mail: &RenderedMail) -> Result<(), SmtpFailure> {
        let mut parameters = Vec::new();
        // Never so far: letters are encoded in ASCII, and the grammar of addresses admits nothing else.
        let info = self.connection.server_info();
        let mut addresses = mail.envelope.to().iter().chain(mail.envelope.from());
        if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii())
            && info.supports_feature(Extension::SmtpUtfEight)
        {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !mail.bytes.is_ascii() && info.supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let command = Mail::new(mail.envelope.from().cloned(), parameters);
        bounded(SmtpStep::Sender, self.answer, self.connection.command(command)).await.map(drop)
    }

    /// Sends a mail that was begun. The caller bounds the whole.
    pub(super) async fn finish(&mut self, mail: &RenderedMail) -> Result<Response, SmtpFailure> {
        for recipient in mail.envelope.to() {
            let command = Rcpt::new(recipient.clone(), Vec::new());
            bounded(SmtpStep::Recipient, self.answer, self.connection.command(command)).await?;
        }
        bounded(SmtpStep::Data, self.answer, self.connection.command(Data)).await?;
        let failed = |error| SmtpFailure { step: SmtpStep::End, fault: SmtpFault::Failed(error) };
        self.connection.message(&mail.bytes).await.map_err(failed)
    }

    /// Says goodbye. A server that does not answer sees the connection closed.
    pub(super) async fn quit(mut self) {
        let _ = timeout(QUIT, self.connection.quit()).await;
    }
}

/// What to start TLS with on a fresh connection. Where it is required and not offered, starting it fails.
fn start_tls(server: &SmtpEndpoint, connection: &AsyncSmtpConnection) -> Option<TlsParameters> {
    match &server.encryption {
        SmtpEncryption::Required(parameters) => Some(parameters.clone()),
        SmtpEncryption::Opportunistic(parameters) if connection.can_starttls() => Some(parameters.clone()),
        _ => None,
    }
}

async fn bounded<T>(
    step: SmtpStep,
    bound: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, SmtpFailure> {
    within(bound, work, SmtpFault::Failed).await.map_err(|fault| SmtpFailure { step, fault })
}

async fn bounded_io<T>(
    step: SmtpStep,
    bound: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, SmtpFailure> {
    within(bound, work, SmtpFault::Unconnected).await.map_err(|fault| SmtpFailure { step, fault })
}

async fn within<T, E>(
    bound: Duration,
    work: impl Future<Output = Result<T, E>>,
    failed: fn(E) -> SmtpFault,
) -> Result<T, SmtpFault> {
    match timeout(bound, work).await {
        Ok(done) => done.map_err(failed),
        Err(_) => Err(SmtpFault::Slow(bound)),
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
