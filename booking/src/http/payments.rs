//! `POST /bookings/{id}/payments`.

use super::{
    answers::answer,
    booking_reader::{BookingReader, acting, matching},
    keyed::{Keyed, KeyedRequest},
    payment_body::{PaymentSchema, read_payment},
};
use crate::{actors::sales::InstanceSales, error::failed, http::context::Context};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use shared::{
    events::BookingState,
    http::{Id, Problem, RequestId},
    ids::BookingId,
};

/// Pay a held booking
///
/// After ten declined payments a booking takes no more: 429, with the time until its hold ends. This bounds the
/// size of a booking, so the permission `limits:exempt` does not lift it.
#[utoipa::path(
    post, path = "/api/v1/bookings/{id}/payments", tag = "bookings", security(("bearer" = [])), request_body = PaymentSchema,
    params(
        ("id" = String, Path, description = "The booking"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters"),
    ),
    responses(
        (status = 200, description = "The booking, confirmed", body = BookingState),
        (status = 402, description = "The payment was declined; `booking` is still held"),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "hold_expired, flight_not_bookable, already_paid, already_cancelled, payment_in_progress, idempotency_in_progress"),
        (status = 412, description = "The booking was changed meanwhile"),
        (status = 429, description = "rate_limited: too many payments of this booking were declined"),
        (status = 503, description = "overloaded; or upstream_unavailable, the payment provider is silent: nothing was charged"),
        (status = 504, description = "The payment of `booking` is not settled yet"),
    ),
)]
pub(crate) async fn pay(
    request: HttpRequest,
    request_id: RequestId,
    id: Id<BookingId>,
    keyed: KeyedRequest,
    Context(context): Context,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let Keyed { caller, value, key } =
        keyed.read(|object| read_payment(object, |token| sales.deps.desk.provider().knows(token)))?;
    let (booking, state) = reading.changeable(id.0, &caller, context).await?;
    if let Some(key) = &key
        && let Some(known) = sales.known(key, context).await.map_err(failed)?
    {
        return answer(known, StatusCode::OK, &request_id);
    }
    let at = matching(&request, &state)?;
    let sales = acting(&sales, &booking, &caller, &request_id);
    let outcome = sales.pay((&booking, at), &value, key, context).await.map_err(failed)?;
    answer(outcome, StatusCode::OK, &request_id)
}
