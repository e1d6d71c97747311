//! Where mails leave the house: a mail server, or a folder in the one-process mode.

mod folder;
mod smtp;
mod smtp_url;

pub use folder::Folder;
pub use smtp::Smtp;
pub use smtp_url::InvalidSmtpUrl;

use crate::domain::Attempt;
use lettre::Message;

/// An outlet.
pub enum Outlet {
    /// A mail server.
    Smtp(Smtp),
    /// A folder of `.eml` files.
    Folder(Folder),
}

impl Outlet {
    /// Tries to get rid of a mail. `name` is for people: what a file is called by.
    ///
    /// Not bounded in time: the caller does that.
    pub async fn send(&self, message: Message, name: &str) -> Attempt {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::Folder(folder) => folder.write(&message, name).await,
        }
    }

    /// Closes connections that wait for their next mail.
    pub async fn close(&self) {
        if let Self::Smtp(smtp) = self {
            smtp.close().await;
        }
    }
}
