//! The data of the handlers.

use crate::actors::EmailSender;
use shared::{db::Pool, outbox::RelayHandle};

/// The data of the handlers, which all threads share.
#[derive(Clone)]
pub(crate) struct MailAdmin {
    /// The database.
    pub(crate) pool: Pool,
    /// Sends a letter again.
    pub(crate) sender: EmailSender,
    /// Publishes what was recorded.
    pub(crate) relay: RelayHandle,
}
