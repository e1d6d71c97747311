//! What the server holds, and what its sessions share.

use super::{authority::SinkEncryption, script::SmtpBehaviour};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

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

/// What the server offers and asks for.
pub struct SmtpSinkOptions {
    /// How it encrypts.
    pub encryption: SinkEncryption,
    /// User and password that it wants of everybody. It takes them where the connection is encrypted, or where it has
    /// no encryption.
    pub credentials: Option<(String, String)>,
}

impl Default for SmtpSinkOptions {
    fn default() -> Self {
        Self { encryption: SinkEncryption::None, credentials: None }
    }
}

/// What all sessions share.
pub(super) struct SmtpState {
    pub(super) options: SmtpSinkOptions,
    pub(super) mails: Mutex<Vec<ReceivedMail>>,
    pub(super) count: watch::Sender<usize>,
    pub(super) behaviour: watch::Sender<SmtpBehaviour>,
    /// How many sessions have met what goes wrong since the server was last told how to behave.
    pub(super) met: watch::Sender<usize>,
}

impl SmtpState {
    /// Keeps a mail.
    pub(super) fn keep(&self, mail: ReceivedMail) {
        let count = {
            let mut mails = lock(&self.mails);
            mails.push(mail);
            mails.len()
        };
        self.count.send_if_modified(|known| {
            let more = count > *known;
            *known = count.max(*known);
            more
        });
    }
}

/// Nobody panics while holding one of these locks with something half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
