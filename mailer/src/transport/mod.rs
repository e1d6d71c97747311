//! Transports of mails: a mail server, or a folder in the one-process mode.

mod implicit_tls;
mod mail_folder;
mod outgoing_mail;
#[cfg(test)]
mod pool_tests;
mod smtp_session;
mod smtp_transport;
mod smtp_url;

pub(crate) use mail_folder::MailFolder;
pub(crate) use outgoing_mail::OutgoingMail;
pub(crate) use smtp_session::SmtpTimeouts;
pub(crate) use smtp_transport::SmtpTransport;
pub(crate) use smtp_url::{InvalidSmtpUrl, SmtpEndpoint};

use crate::domain::DeliveryAttempt;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, FuturesUnordered},
};
use std::time::Duration;
use tokio::time::timeout;

/// Letters that are written to the folder at the same time.
const FOLDER_CAPACITY: usize = 256;

/// Letters that are under way for each connection to the mail server, with the one that is being sent. The others are
/// claimed, rendered and recorded meanwhile, many at once.
const TURNS: u32 = 4;

/// A transport of mails.
pub(crate) enum MailTransport {
    /// A mail server.
    Smtp(SmtpTransport),
    /// A folder of `.eml` files.
    Folder(MailFolder),
}

impl MailTransport {
    /// How many letters may be under way at once.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Smtp(smtp) => smtp.connections() * usize::try_from(TURNS).unwrap_or(1),
            Self::Folder(_) => FOLDER_CAPACITY,
        }
    }

    /// How many letters are sent one after the other while all are under way.
    pub(crate) fn turns(&self) -> u32 {
        match self {
            Self::Smtp(_) => TURNS,
            Self::Folder(_) => 1,
        }
    }

    /// Tries to deliver mails, each within `longest`. Tells how each attempt ended as soon as it has, with the tag of
    /// its mail.
    pub(crate) fn send<'a, T: Send + 'a>(
        &'a self,
        mails: Vec<(T, OutgoingMail)>,
        longest: Duration,
    ) -> BoxStream<'a, (T, DeliveryAttempt)> {
        match self {
            Self::Smtp(smtp) => {
                let send = |(tag, mail): (T, OutgoingMail)| async move {
                    (tag, smtp.send(&mail.mail, longest).await)
                };
                mails.into_iter().map(send).collect::<FuturesUnordered<_>>().boxed()
            }
            Self::Folder(folder) => {
                let write = async move {
                    let (tags, mails): (Vec<T>, Vec<_>) = mails.into_iter().unzip();
                    let count = mails.len();
                    let written = timeout(longest, folder.write(mails)).await;
                    let attempts =
                        written.unwrap_or_else(|_| vec![DeliveryAttempt::unanswered(longest); count]);
                    stream::iter(tags.into_iter().zip(attempts))
                };
                stream::once(write).flatten().boxed()
            }
        }
    }

    /// Closes connections that wait for their next mail.
    pub(crate) async fn close(&self) {
        if let Self::Smtp(smtp) = self {
            smtp.close().await;
        }
    }
}
