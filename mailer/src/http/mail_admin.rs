//! The data of the handlers.

use crate::actors::{EmailSender, RendererHandle};
use shared::{db::Pool, outbox::RelayHandle};

/// The data of the handlers, which all threads share.
#[derive(Clone)]
pub(crate) struct MailAdmin {
    /// The database.
    pub(crate) pool: Pool,
    /// Sends a letter again.
    pub(crate) sender: EmailSender,
    /// Shows what a letter says.
    pub(crate) renderer: RendererHandle,
    /// Publishes what was recorded.
    pub(crate) relay: RelayHandle,
}
