//! `/bookings/{id}/cancellation-quote` and `/bookings/{id}/cancel`.

use super::{
    account_limits::is_trusted,
    answers::answer,
    booking_reader::{BookingReader, acting, matching},
    keyed::{Keyed, KeyedRequest},
    letter_limit::{of_change, with_letters},
};
use crate::{actors::sales::InstanceSales, error::failed, http::context::Context};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use booking_engine::payment::quote::{QuoteId, ShownQuote};
use serde::Serialize;
use shared::{
    events::{BookingState, BookingStatus},
    http::{EmptyBody, FromJson, Id, JsonReader, Problem, RequestId},
    ids::BookingId,
};
use utoipa::ToSchema;
use uuid::Uuid;

/// The body of a cancellation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cancellation {
    quote_id: Option<Uuid>,
}

impl FromJson for Cancellation {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let quote_id: Option<String> = object.optional("quote_id");
        let parsed = quote_id.map(|text| text.parse::<Uuid>()).transpose();
        let quote_id = parsed.map_err(|_| object.error("quote_id", "must be the id of a quote")).ok()?;
        Some(Self { quote_id })
    }
}

/// A cancellation.
#[derive(Serialize, ToSchema)]
#[schema(as = Cancellation)]
pub(crate) struct CancellationSchema {
    /// What was quoted is given back; without it what the fares allow now.
    quote_id: Option<Uuid>,
}

/// Quote the refund of a cancellation
///
/// The quote is good for 15 minutes.
#[utoipa::path(
    post, path = "/api/v1/bookings/{id}/cancellation-quote", tag = "bookings", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The booking"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters"),
    ),
    responses(
        (status = 200, description = "The quote", body = ShownQuote),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "already_cancelled, hold_expired, payment_in_progress"),
        (status = 412, description = "The booking was changed meanwhile"),
    ),
)]
pub(crate) async fn quote(
    request: HttpRequest,
    request_id: RequestId,
    id: Id<BookingId>,
    keyed: KeyedRequest,
    Context(context): Context,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let Keyed { caller, value: EmptyBody, key } = keyed.read(EmptyBody::read)?;
    let (booking, state) = reading.changeable(id.0, &caller, context).await?;
    if let Some(key) = &key
        && let Some(known) = sales.known(key, context).await.map_err(failed)?
    {
        return answer(known, StatusCode::OK, &request_id);
    }
    let at = matching(&request, &state)?;
    let outcome = sales.quote(&booking, at, key, context).await.map_err(failed)?;
    answer(outcome, StatusCode::OK, &request_id)
}

/// Cancel a booking
///
/// Its seats become available, and the refund follows the conditions of the fares.
#[utoipa::path(
    post, path = "/api/v1/bookings/{id}/cancel", tag = "bookings", security(("bearer" = [])), request_body = CancellationSchema,
    params(
        ("id" = String, Path, description = "The booking"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters"),
    ),
    responses(
        (status = 200, description = "The booking, cancelled", body = BookingState),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "already_cancelled, hold_expired, payment_in_progress, quote_expired"),
        (status = 412, description = "The booking was changed meanwhile"),
        (status = 429, description = "rate_limited: too many letters to addresses other than the account's own"),
    ),
)]
pub(crate) async fn cancel(
    request: HttpRequest,
    request_id: RequestId,
    id: Id<BookingId>,
    keyed: KeyedRequest,
    Context(context): Context,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let Keyed { caller, value: Cancellation { quote_id }, key } = keyed.read(Cancellation::read)?;
    let (booking, state) = reading.changeable(id.0, &caller, context).await?;
    if let Some(key) = &key
        && let Some(known) = sales.known(key, context).await.map_err(failed)?
    {
        return answer(known, StatusCode::OK, &request_id);
    }
    let at = matching(&request, &state)?;
    let quote = quote_id.map(QuoteId);
    let sales = acting(&sales, &booking, &caller, &request_id);
    let cancel = Box::pin(sales.cancel(&booking, (at, quote), key, context));
    // Of a hold for a stranger the letter that ends it was counted when it was made. An unverified account makes room by
    // it for another hold, and that one's letter.
    let (letters, ahead) = match (booking.status, is_trusted(&caller)) {
        (BookingStatus::Held, true) => (1, 1),
        (_, true) => (1, 0),
        (_, false) => (2, 0),
    };
    let letters = of_change(&caller, &booking.contact.email, (letters, ahead));
    let sold = with_letters((&reading.pool, context), &caller, (letters, booking.version), cancel).await?;
    answer(sold, StatusCode::OK, &request_id)
}
