//! The e-ticket as a PDF: the itinerary of the party, its tickets, price and conditions, and a boarding pass for each
//! passenger and segment.
//!
//! [`canvas`] holds what is drawn, [`fitting`] wraps and cuts texts, [`typeface`] shapes them. The pages are laid out by
//! [`itinerary`], [`tables`] and [`boarding_passes`], and [`painter`] makes the PDF.

mod boarding_passes;
mod canvas;
mod fitting;
mod itinerary;
mod painter;
mod tables;
mod typeface;

use crate::{
    DocumentLanguage, TextBeyondBarcode, TicketDocument,
    catalogue::Catalogue,
    local_format::{short_date, utc_clock},
};
use canvas::{Align, Canvas, GREY, LEFT, PAGE, RIGHT, TextStyle};
use chrono::{Datelike, Timelike};
use krilla::metadata::{DateTime, Metadata};
use painter::PaintFailure;
use typeface::{UnreadableFont, Weight};

/// Why a ticket was not rendered. None of these depends on names or texts: they are faults of this crate.
#[derive(Debug, thiserror::Error)]
pub enum TicketPdfFailure {
    /// A boarding pass does not fit into its bar code.
    #[error(transparent)]
    Barcode(#[from] TextBeyondBarcode),
    /// The fonts of the program cannot be read.
    #[error("the built-in fonts cannot be read")]
    Font,
    /// The library refuses the document.
    #[error("the PDF cannot be written: {0}")]
    Document(String),
}

impl From<UnreadableFont> for TicketPdfFailure {
    fn from(_: UnreadableFont) -> Self {
        Self::Font
    }
}

/// What the pages are laid out with.
struct Layout<'a> {
    ticket: &'a TicketDocument,
    texts: &'static Catalogue,
    canvas: Canvas,
}

impl Layout<'_> {
    fn language(&self) -> DocumentLanguage {
        self.ticket.language
    }
}

/// The e-ticket of a booking: one PDF for the party, PDF/UA-1, with a boarding pass for each passenger on each segment
/// that is confirmed, where the passenger has a ticket number.
///
/// Names in Latin, Greek and Cyrillic letters are printed as they are. Words in other scripts are printed in Latin
/// letters; screen readers, searches and copies get the original.
///
/// ```
/// let ticket = documents::samples::round_trip();
/// let pdf = documents::ticket_pdf(&ticket)?;
/// assert!(pdf.starts_with(b"%PDF-1.7") && pdf.len() < 150_000);
/// # Ok::<(), documents::TicketPdfFailure>(())
/// ```
///
/// # Errors
/// [`TicketPdfFailure`], none of which depends on the ticket.
pub fn ticket_pdf(ticket: &TicketDocument) -> Result<Vec<u8>, TicketPdfFailure> {
    let canvas = lay_out(ticket)?;
    painter::paint(&canvas, metadata(ticket)).map_err(|failure| match failure {
        PaintFailure::Configuration => TicketPdfFailure::Document("no such kind of PDF".to_owned()),
        PaintFailure::Document(error) => TicketPdfFailure::Document(format!("{error:?}")),
    })
}

fn lay_out(ticket: &TicketDocument) -> Result<Canvas, TicketPdfFailure> {
    let texts = Catalogue::of(ticket.language);
    let mut layout = Layout { ticket, texts, canvas: Canvas::new() };
    layout.itinerary()?;
    layout.passengers()?;
    layout.price()?;
    layout.conditions()?;
    layout.boarding_passes()?;
    layout.footers()?;
    Ok(layout.canvas)
}

impl Layout<'_> {
    /// The footers, once the number of pages is known. They are decoration: a screen reader has the outline.
    fn footers(&mut self) -> Result<(), UnreadableFont> {
        let style = TextStyle(7.5, Weight::Regular, GREY);
        let baseline = PAGE.1 - 24.0;
        let issued_at = self.ticket.issued_at;
        let date = short_date(self.language(), issued_at.date_naive());
        let issued = self.texts.with("issued", [("date", date), ("time", utc_clock(issued_at))]);
        let left = format!("{} · {} · {issued}", self.ticket.issuer, self.ticket.locator);
        let pages = self.canvas.sheets.len();
        for (page, sheet) in std::mem::take(&mut self.canvas.sheets).into_iter().enumerate() {
            self.canvas.sheets.push(sheet);
            let number = self.texts.with("page", [("page", page + 1), ("pages", pages)]);
            self.canvas.write_fitted(None, (LEFT, baseline), Align::Left, style, (&left, 400.0))?;
            self.canvas.write(None, (RIGHT, baseline), Align::Right, style, &number)?;
        }
        Ok(())
    }
}

fn metadata(ticket: &TicketDocument) -> Metadata {
    let title = Catalogue::of(ticket.language).with("document-title", [("locator", ticket.locator.as_str())]);
    let at = ticket.issued_at;
    let part = |number: u32| u8::try_from(number).unwrap_or_default();
    let issued = DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(title)
        .language(ticket.language.tag().to_owned())
        .authors(vec![ticket.issuer.clone()])
        .creator("Aerobus".to_owned())
        .creation_date(issued)
        .document_id(format!("{}.{}", ticket.booking_id, ticket.version))
}

#[cfg(test)]
mod rendered_tests;
#[cfg(test)]
mod tests;
