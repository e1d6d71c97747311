//! Transports of mails: a mail server, or a folder in the one-process mode.

mod mail_folder;
mod smtp_transport;
mod smtp_url;

pub(crate) use mail_folder::MailFolder;
pub(crate) use smtp_transport::SmtpTransport;
pub(crate) use smtp_url::InvalidSmtpUrl;

use crate::domain::DeliveryAttempt;
use lettre::Message;

/// A transport of mails.
pub(crate) enum MailTransport {
    /// A mail server.
    Smtp(SmtpTransport),
    /// A folder of `.eml` files.
    Folder(MailFolder),
}

impl MailTransport {
    /// Tries to deliver a mail. `name` becomes the name of a file, for people.
    ///
    /// Not bounded in time: the caller does that.
    pub(crate) async fn send(&self, message: Message, name: &str) -> DeliveryAttempt {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::Folder(folder) => folder.write(&message, name).await,
        }
    }

    /// Closes connections that wait for their next mail.
    pub(crate) async fn close(&self) {
        if let Self::Smtp(smtp) = self {
            smtp.close().await;
        }
    }
}
