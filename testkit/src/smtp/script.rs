//! What the server does where.

/// A point of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpPhase {
    /// A connection has been taken; with TLS from the first byte, before its handshake.
    Connected,
    /// Before the greeting.
    Greeting,
    /// Before the answer to EHLO.
    Ehlo,
    /// Before the answer to STARTTLS.
    StartTls,
    /// After the answer to STARTTLS, before the handshake.
    Handshake,
    /// Before the answer to AUTH.
    Auth,
    /// Before the answer to MAIL.
    Mail,
    /// Before the answer to RCPT.
    Rcpt,
    /// Before the answer to DATA.
    Data,
    /// After the first line of a mail.
    Body,
    /// After the end of a mail, which is not kept yet.
    End,
    /// A mail has been kept, and nothing has been answered.
    Kept,
}

/// What goes wrong at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpFault {
    /// It answers with this code, 4xx or 5xx.
    Answer(u16),
    /// It does nothing, until it is told to behave in another way. Then it goes on.
    Hang,
    /// It closes the connection.
    Drop,
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
    /// Something goes wrong at a point, in every session.
    At(SmtpPhase, SmtpFault),
}

impl SmtpBehaviour {
    /// What goes wrong at a point.
    pub(super) fn fault(self, at: SmtpPhase) -> Option<SmtpFault> {
        let (phase, fault) = match self {
            Self::Accept => return None,
            Self::RefuseConnection(code) => (SmtpPhase::Greeting, SmtpFault::Answer(code)),
            Self::Speechless => (SmtpPhase::Greeting, SmtpFault::Hang),
            Self::RefuseRecipient(code) => (SmtpPhase::Rcpt, SmtpFault::Answer(code)),
            Self::RefuseData(code) => (SmtpPhase::End, SmtpFault::Answer(code)),
            Self::Silent => (SmtpPhase::Kept, SmtpFault::Hang),
            Self::At(phase, fault) => (phase, fault),
        };
        (phase == at).then_some(fault)
    }
}
