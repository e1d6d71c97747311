//! Every letter with invented content, in each language: to look at them, and for tests.

#[cfg(test)]
mod hostile_tests;
mod samples;
#[cfg(test)]
mod tests;

use crate::{
    kinds,
    render::{
        LetterContent, LetterDocument, Letterhead, MessageError, RenderError, TemplateError, Templates,
        build_message, letter_documents,
    },
};
use documents::{DocumentIssuer, DocumentLanguage};

/// The domain of invented addresses and Message-IDs.
const DOMAIN: &str = "aerobus.example";

/// Why there is no preview: a mistake in templates or texts.
#[derive(Debug, thiserror::Error)]
pub enum PreviewFailure {
    /// The templates.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// An invented event makes no letter, or its letter cannot be rendered.
    #[error("{0}: {1}")]
    Letter(String, String),
}

/// A letter of the preview.
#[derive(Debug, Clone)]
pub struct PreviewedLetter {
    /// The name of its files: the template, what is special of it, and the language: `booking_changed.reseated.de`.
    pub name: String,
    /// The subject line.
    pub subject: String,
    /// The part for mail clients that show HTML.
    pub html: String,
    /// The part for people who read plain text.
    pub text: String,
    /// The mail as it goes over the wire.
    pub eml: Vec<u8>,
    /// The attached files with their names.
    pub attachments: Vec<(&'static str, Vec<u8>)>,
}

/// All letters in all languages. `public_url` is where they link to.
///
/// # Errors
/// [`PreviewFailure`].
pub fn letters(public_url: &str) -> Result<Vec<PreviewedLetter>, PreviewFailure> {
    let templates = Templates::compile(public_url)?;
    let mut letters = Vec::new();
    for language in DocumentLanguage::ALL {
        for sample in samples::all(language) {
            let name = format!("{}.{}", sample.name, language.tag());
            let letter = preview(&templates, &sample, &name);
            letters.push(letter.map_err(|reason| PreviewFailure::Letter(name, reason))?);
        }
    }
    Ok(letters)
}

fn preview(
    templates: &Templates,
    sample: &samples::SampleEvent,
    name: &str,
) -> Result<PreviewedLetter, String> {
    let mut drafts = kinds::drafts(sample.event, &sample.data).map_err(|error| error.to_string())?;
    let draft = drafts.pop().filter(|_| drafts.is_empty()).ok_or("the event makes not one letter")?;
    let token = draft.token.as_ref().map(|token| &token.token);
    let kept = (draft.subject.as_str(), draft.locale, draft.data.as_str());
    let fault = |error: RenderError| error.to_string();
    let content = LetterContent::read(draft.template.as_str(), kept, token).map_err(fault)?;
    let parts = templates.render(&content).map_err(fault)?;
    let issuer = DocumentIssuer::new(&format!("https://{DOMAIN}"));
    let documents = letter_documents(&content, &issuer).map_err(fault)?;
    let attachments = documents.iter().map(|document| {
        let bytes = match document {
            LetterDocument::Ticket(pdf) => pdf.clone(),
            LetterDocument::Calendar(calendar) => calendar.clone().into_bytes(),
        };
        (document.file_name(), bytes)
    });
    let attachments = attachments.collect();
    let letterhead = Letterhead {
        from: format!("Aerobus <no-reply@{DOMAIN}>").parse().map_err(|_| "no address")?,
        reply_to: None,
        dkim: None,
    };
    let message_id = format!("<{name}@{DOMAIN}>");
    let mail = build_message(&letterhead, &draft.recipient, &draft.subject, &message_id, &parts, documents)
        .map_err(|error: MessageError| error.to_string())?;
    Ok(PreviewedLetter {
        name: name.to_owned(),
        subject: draft.subject,
        html: parts.html,
        text: parts.text,
        eml: mail.bytes,
        attachments,
    })
}
