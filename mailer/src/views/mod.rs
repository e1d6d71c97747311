//! What templates show of letters: texts, dates and amounts in the language of the reader.

mod account_view;
mod booking_view;
mod flight_reservation;
mod flight_view;
mod passenger_view;
mod texts;

use crate::domain::{KeptLetter, LetterTemplate};
use documents::{DocumentLanguage, TicketDocument};
use minijinja::{Value, value::Serde};

pub(crate) use texts::{alert_key, catalogue};

/// The name of the airline that writes, in letters and documents.
pub(crate) const ISSUER: &str = "Aerobus";

/// What a template shows of a letter.
#[derive(Debug, Clone)]
pub(crate) struct LetterView {
    /// What people read.
    pub(crate) shown: Value,
    /// What machines read, as JSON that may stand in a script of HTML; `None` where there is nothing.
    pub(crate) structured: Option<String>,
}

impl LetterView {
    /// The view of a letter of a kind.
    pub(crate) fn new(template: LetterTemplate, kept: &KeptLetter, language: DocumentLanguage) -> Self {
        match kept {
            KeptLetter::Booking(kept) => {
                let ticket = TicketDocument::of_booking(&kept.booking, language, ISSUER);
                let status = flight_reservation::status(kept);
                Self {
                    shown: Value::from(Serde(booking_view::BookingView::new(template, kept, &ticket))),
                    structured: status.map(|status| flight_reservation::script(&ticket, status)),
                }
            }
            KeptLetter::Token(kept) => Self::of(account_view::TokenView::new(template, kept, language)),
            KeptLetter::Alert(kept) => Self::of(account_view::AlertView::new(kept, language)),
            KeptLetter::Texts(texts) => {
                let structured = texts.get("structured").and_then(serde_json::Value::as_array);
                let structured = structured.filter(|items| !items.is_empty());
                Self {
                    shown: Value::from(Serde(texts)),
                    structured: structured.map(|items| flight_reservation::in_script(items)),
                }
            }
        }
    }

    fn of(view: impl serde::Serialize) -> Self {
        Self { shown: Value::from(Serde(view)), structured: None }
    }
}
