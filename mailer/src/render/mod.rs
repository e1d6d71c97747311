//! Letters as mails: templates compiled once, and the message around their parts.

mod message;
mod templates;

pub use message::{Letterhead, MessageError, build, mail_address};
pub use templates::{Parts, RenderError, TemplateError, Templates};
