//! The data of the handlers.

use crate::actors::{EmailSender, NotificationConsumerHandle};
use shared::db::Pool;

/// The data of the handlers, which all threads share.
#[derive(Clone)]
pub(crate) struct MailAdmin {
    /// The database.
    pub(crate) pool: Pool,
    /// Sends a letter again.
    pub(crate) sender: EmailSender,
    /// Consumes a dead letter again.
    pub(crate) consumer: NotificationConsumerHandle,
}
