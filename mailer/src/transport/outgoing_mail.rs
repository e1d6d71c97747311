//! Mails on their way.

use crate::render::RenderedMail;

/// A mail on its way.
pub(crate) struct OutgoingMail {
    /// What its file is called, for people.
    pub(crate) name: String,
    /// The mail.
    pub(crate) mail: RenderedMail,
}
