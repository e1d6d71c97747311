//! A letter as it comes from the database, to be rendered.

use crate::domain::{KeptLetter, LetterTemplate};
use documents::{DocumentLanguage, TicketPdfFailure};
use shared::events::LetterToken;

/// A letter that is to be rendered.
#[derive(Debug, Clone)]
pub(crate) struct LetterContent<'a> {
    /// Its kind.
    pub(crate) template: LetterTemplate,
    /// Its subject line.
    pub(crate) subject: &'a str,
    /// Its language.
    pub(crate) language: DocumentLanguage,
    /// What it keeps of its event.
    pub(crate) kept: KeptLetter,
    /// The token that it brings.
    pub(crate) token: Option<&'a LetterToken>,
}

/// Why a letter cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// This release has no such template.
    #[error("{0}: is not the name of a template")]
    Unknown(String),
    /// The data is none that a letter keeps.
    #[error("the data of the letter cannot be read: {0}")]
    Data(#[from] serde_json::Error),
    /// The data does not fit the template.
    #[error("the template cannot be filled in: {0}")]
    Fill(#[from] minijinja::Error),
    /// The HTML part is larger than mail clients show.
    #[error("the letter has {0} bytes of HTML")]
    TooLarge(usize),
    /// The ticket cannot be written.
    #[error("the ticket cannot be rendered: {0}")]
    Ticket(#[from] TicketPdfFailure),
}

impl<'a> LetterContent<'a> {
    /// Reads a letter. `template`, `locale` and `data` are as the database has them.
    ///
    /// # Errors
    /// [`RenderError::Unknown`], [`RenderError::Data`].
    pub(crate) fn read(
        template: &str,
        (subject, locale, data): (&'a str, &str, &str),
        token: Option<&'a LetterToken>,
    ) -> Result<Self, RenderError> {
        let template: LetterTemplate =
            template.parse().map_err(|_| RenderError::Unknown(template.to_owned()))?;
        let kept = KeptLetter::read(template, data)?;
        Ok(Self { template, subject, language: DocumentLanguage::of_tag(locale), kept, token })
    }
}
