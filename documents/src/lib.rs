//! The documents of a booking: what travellers print, show and put into their calendars.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ticket_document`], [`document_language`] | the input of all documents |
//! | [`document_issuer`] | the installation that issues them |
//! | [`bcbp`] | the text of a bar-coded boarding pass (IATA Resolution 792) |
//! | [`barcode`] | Aztec and PDF417 codes as patterns of modules |
//! | [`ticket_pdf`](mod@ticket_pdf) | the e-ticket as a PDF, with boarding passes |
//! | [`calendar`](mod@calendar) | the flights as an iCalendar object (RFC 5545) |
//! | [`catalogue`], [`local_format`], [`journey_texts`] | texts, dates and amounts by language: letters use them too |
//! | [`transliteration`] | names in the letters of codes |
//!
//! Everything here is a function of its input: nothing reads a clock, a file or a network. Within a release,
//! equal input gives equal bytes. A service makes the input of a booking's state by [`DocumentIssuer::ticket`]; [`samples`]
//! has tickets for previews, tests and benchmarks.
//!
//! ```
//! use documents::{BoardingPassCode, TicketDocument, samples};
//!
//! let ticket: TicketDocument = samples::round_trip();
//! let code = BoardingPassCode::of_ticket(&ticket, &ticket.passengers[0], 0).expect("a segment of the ticket");
//! assert_eq!(code.to_string(), "M1LOVELACE/ADA        EK7XQ2M CDGJFKAE 0101 348Y012A0000 000");
//!
//! let pdf: Vec<u8> = documents::ticket_pdf(&ticket)?;
//! assert!(pdf.starts_with(b"%PDF-1.7"));
//!
//! let calendar: String = documents::calendar(&ticket);
//! assert_eq!(calendar.matches("BEGIN:VEVENT").count(), 2);
//! # Ok::<(), documents::TicketPdfFailure>(())
//! ```

pub mod barcode;
pub mod bcbp;
mod calendar;
pub mod catalogue;
mod content_lines;
pub mod document_issuer;
pub mod document_language;
pub mod journey_texts;
pub mod local_format;
pub mod samples;
pub mod ticket_document;
mod ticket_pdf;
pub mod transliteration;
mod zone_definitions;

pub use barcode::{DarkRun, ModuleMatrix, TextBeyondBarcode};
pub use bcbp::{BcbpSeat, BoardingPassCode, InvalidBoardingPassCode, PassengerStatus};
pub use calendar::calendar;
pub use catalogue::Catalogue;
pub use document_issuer::DocumentIssuer;
pub use document_language::DocumentLanguage;
pub use ticket_document::{TicketDocument, TicketPassenger, TicketSegment};
pub use ticket_pdf::{TicketPdfFailure, ticket_pdf};
