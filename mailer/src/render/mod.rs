//! Letters as mails: templates compiled once, documents, and the message around them.

mod dkim;
#[cfg(test)]
mod dkim_tests;
mod escaping;
mod letter_content;
mod letter_documents;
mod message;
mod templates;

pub(crate) use dkim::DkimSigner;
pub(crate) use letter_content::{LetterContent, RenderError};
pub(crate) use letter_documents::{LetterDocument, letter_documents};
pub(crate) use message::{Letterhead, MessageError, RenderedMail, build_message, mail_address};
pub(crate) use templates::{LetterParts, TemplateError, Templates};
