//! `GET /bookings/{id}/ticket.pdf` and `GET /bookings/{id}/calendar.ics`: the documents that the confirmation brings.

use super::{
    access_token::BookingViewer, answers::tag_of, booking_reader::BookingReader, cache_control::PRIVATE,
    context::Context,
};
use crate::{
    actors::document_renderer::{DocumentKind, DocumentRenderer, RenderFailure},
    error::overloaded,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, AcceptLanguage, Header, Quality},
    web,
};
use documents::{DocumentIssuer, DocumentLanguage};
use shared::{
    events::{BookingState, BookingStatus},
    http::{Code, Id, Problem, QueryParameters, is_known},
    ids::BookingId,
    release,
};

/// What the handlers render with.
#[derive(Clone)]
pub(crate) struct BookingDocuments {
    pub(crate) issuer: DocumentIssuer,
    pub(crate) renderer: DocumentRenderer,
}

/// Read the e-ticket of a booking
///
/// The PDF of the confirmation letter, with a boarding pass for each passenger and flight: the same bytes for the same
/// version and language of a booking. The language is the first one of `Accept-Language` in which documents are
/// written, else that of the contact.
#[utoipa::path(
    get, path = "/api/v1/bookings/{id}/ticket.pdf", tag = "bookings", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The booking"),
        ("Accept-Language" = Option<String>, Header, description = "`en` or `de`"),
    ),
    responses(
        (status = 200, description = "The e-ticket, as an attachment", content_type = "application/pdf", body = String),
        (status = 304, description = "The copy that the client has is good"),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "conflict: the booking is not paid yet; hold_expired, already_cancelled"),
        (status = 503, description = "overloaded: too many documents wait to be rendered"),
    ),
)]
pub(crate) async fn ticket(
    request: HttpRequest,
    id: Id<BookingId>,
    viewer: BookingViewer,
    parameters: QueryParameters,
    context: Context,
    (reading, documents): (web::Data<BookingReader>, web::Data<BookingDocuments>),
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let (_, booking) = reading.readable(id.0, &viewer, context.0).await?;
    documents.answer(DocumentKind::Ticket, &request, &booking, context).await
}

/// Read the calendar of a booking
///
/// The iCalendar object of the confirmation letter (RFC 5545), with an event for each flight. A flight that is not flown
/// any more stays in it as cancelled, so calendar programs take it away. The language is chosen as for the e-ticket.
#[utoipa::path(
    get, path = "/api/v1/bookings/{id}/calendar.ics", tag = "bookings", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The booking"),
        ("Accept-Language" = Option<String>, Header, description = "`en` or `de`"),
    ),
    responses(
        (status = 200, description = "The calendar, as an attachment", content_type = "text/calendar", body = String),
        (status = 304, description = "The copy that the client has is good"),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "conflict: the booking is not paid yet; hold_expired"),
        (status = 503, description = "overloaded: too many documents wait to be rendered"),
    ),
)]
pub(crate) async fn calendar(
    request: HttpRequest,
    id: Id<BookingId>,
    viewer: BookingViewer,
    parameters: QueryParameters,
    context: Context,
    (reading, documents): (web::Data<BookingReader>, web::Data<BookingDocuments>),
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let (_, booking) = reading.readable(id.0, &viewer, context.0).await?;
    documents.answer(DocumentKind::Calendar, &request, &booking, context).await
}

impl BookingDocuments {
    async fn answer(
        &self,
        kind: DocumentKind,
        request: &HttpRequest,
        booking: &BookingState,
        Context(context): Context,
    ) -> Result<HttpResponse, Problem> {
        check_issued(kind, booking.status)?;
        let language = language_of(request, booking);
        let ticket = self.issuer.ticket(booking, language);
        let tag = document_tag(kind, booking, language)?;
        let (name, content_type) = match kind {
            DocumentKind::Ticket => (ticket.pdf_name(), "application/pdf"),
            DocumentKind::Calendar => {
                (ticket.calendar_name(), "text/calendar; charset=utf-8; method=PUBLISH")
            }
        };
        let is_known = is_known(request, &tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((header::ETAG, tag))
            .insert_header((header::CACHE_CONTROL, PRIVATE))
            .insert_header((header::VARY, "Accept-Language"));
        if is_known {
            return Ok(response.finish());
        }
        let rendered = self.renderer.render(kind, ticket, context.deadline).await;
        let document = rendered.map_err(|failure| match failure {
            RenderFailure::Overloaded => overloaded(),
            RenderFailure::Ticket(_) | RenderFailure::Failed(_) => Problem::internal(&failure),
        })?;
        let attachment = format!("attachment; filename=\"{name}\"");
        Ok(response
            .insert_header((header::CONTENT_TYPE, content_type))
            .insert_header((header::CONTENT_LANGUAGE, language.tag()))
            .insert_header((header::CONTENT_DISPOSITION, attachment))
            .body(document))
    }
}

/// Whether a booking has a document. A calendar outlives the booking: programs that have it learn of the cancellation.
fn check_issued(kind: DocumentKind, status: BookingStatus) -> Result<(), Problem> {
    match (status, kind) {
        (BookingStatus::Confirmed, _) | (BookingStatus::Cancelled, DocumentKind::Calendar) => Ok(()),
        (BookingStatus::Cancelled, DocumentKind::Ticket) => Err(Problem::new(Code::AlreadyCancelled)),
        (BookingStatus::Expired, _) => Err(Problem::new(Code::HoldExpired)),
        (BookingStatus::Held, _) => {
            Err(Problem::new(Code::Conflict).detail("The booking is not paid yet: it has no tickets."))
        }
    }
}

/// The language that the client likes best of those in which documents are written; where it names none, that of the
/// letters.
fn language_of(request: &HttpRequest, booking: &BookingState) -> DocumentLanguage {
    let accepted = AcceptLanguage::parse(request);
    let mut known: Vec<(Quality, DocumentLanguage)> = accepted
        .iter()
        .flat_map(|accepted| accepted.iter())
        .filter(|one| one.quality > Quality::ZERO)
        .filter_map(|one| Some((one.quality, DocumentLanguage::known(one.item.item()?.as_str())?)))
        .collect();
    // Of equals the first: the sort keeps their order.
    known.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    let of_letters = || booking.contact.as_ref().and_then(|contact| contact.locale.as_deref());
    match known.first() {
        Some((_, language)) => *language,
        None => of_letters().map_or_else(DocumentLanguage::default, DocumentLanguage::of_tag),
    }
}

/// The entity tag of a document: of all that it is made of. Another release may render another document.
fn document_tag(
    kind: DocumentKind,
    booking: &BookingState,
    language: DocumentLanguage,
) -> Result<String, Problem> {
    let made_of = (format!("{kind:?}"), language.tag(), release::version(), booking);
    let made_of = serde_json::to_vec(&made_of).map_err(|error| Problem::internal(&error))?;
    Ok(tag_of(booking.version, &made_of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use DocumentLanguage::{English, German};
    use actix_web::test::TestRequest;
    use documents::samples;
    use shared::events::BookingContact;

    /// A booking whose letters are German.
    fn german() -> BookingState {
        let locale = Some("de-AT".to_owned());
        let contact = BookingContact { email: "ada@example.org".to_owned(), phone: None, locale };
        BookingState { contact: Some(contact), ..samples::booking_of(&samples::round_trip()) }
    }

    #[test]
    fn the_client_chooses_the_language() {
        for (accepted, expected) in [
            ("de", German),
            ("de-AT, en;q=0.5", German),
            ("en, de", English),
            ("en;q=0.3, de;q=0.4", German),
            ("fr, de;q=0.1", German),
            ("de;q=0, en;q=0.1", English),
            ("de;q=0, fr", German),
            ("*", German),
            ("not a language;;", German),
        ] {
            let request =
                TestRequest::get().insert_header((header::ACCEPT_LANGUAGE, accepted)).to_http_request();
            assert_eq!(language_of(&request, &german()), expected, "{accepted}");
        }
        let silent = TestRequest::get().to_http_request();
        assert_eq!(language_of(&silent, &german()), German, "that of the letters");
        let nobody = BookingState { contact: None, ..german() };
        assert_eq!(language_of(&silent, &nobody), English);
    }
}
