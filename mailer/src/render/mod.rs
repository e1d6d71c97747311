//! Letters as mails: templates compiled once, and the message around their parts.

mod letter_context;
mod message;
mod templates;

pub(crate) use message::{Letterhead, MessageError, RenderedMail, build_message, mail_address};
pub(crate) use templates::{LetterParts, RenderError, TemplateError, Templates};
