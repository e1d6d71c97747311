//! `/bookings` and `/bookings/{id}`.

use super::{
    access_token::BookingViewer,
    account_limits,
    answers::{answer, tag},
    booking_reader::BookingReader,
    cache_control::PRIVATE,
    keyed::{Keyed, KeyedRequest},
    letter_limit::{CountedLetters, OF_A_HOLD, OF_A_PURCHASE},
    new_booking::{AcceptedValues, NewBooking, NewBookingSchema},
};
use crate::{
    actors::sales::InstanceSales,
    deadline,
    error::booking_failed,
    http::{RequestPolicy, context::Context, load_shedding::AdmittedSlot},
    store::{bookings::OwnBookingsQuery, presented},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use booking_engine::{
    passengers::contact::Contact,
    sell::{order::Order, outcome::SalesOutcome, sales::AdmittedRequest},
};
use shared::{
    auth::Caller,
    db::DbError,
    events::{BookingState, BookingStatus},
    http::{Id, Page, PageRequest, Problem, QueryParameters, RequestId, conditional},
    ids::BookingId,
};
use std::str::FromStr;

/// Create a booking
///
/// Without `payment` the seats are held. With `payment` the booking is paid and confirmed in one call.
#[utoipa::path(
    post, path = "/api/v1/bookings", tag = "bookings", security(("bearer" = [])), request_body = NewBookingSchema,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters"),
        ("Queue-Ticket" = Option<String>, Header, description = "The ticket of a 503 `queued`. Any other text counts as none"),
    ),
    responses(
        (status = 201, description = "Held or confirmed; `Location` names it", body = BookingState),
        (status = 402, description = "The payment was declined; `booking` is still held"),
        (status = 403, description = "email_unverified: until it is verified, the contact is the account's own address, and a hold lasts 15 minutes at most"),
        (status = 409, description = "seat_taken (with `seats`), flight_full, flight_not_bookable, hold_limit, price_changed (with `total`), passenger_already_booked, idempotency_in_progress"),
        (status = 422, description = "validation_failed, seat_not_allowed, idempotency_key_reused"),
        (status = 429, description = "rate_limited: too many letters to addresses other than the account's own"),
        (status = 503, description = "overloaded, with the `flight_id` that is; queued, with `position` and `ticket`: many want this flight, and the request is to be sent again with the ticket; or upstream_unavailable, the database or the payment provider is silent"),
        (status = 504, description = "The payment of `booking` is not settled yet"),
    ),
)]
pub(crate) async fn create(
    request_id: RequestId,
    keyed: KeyedRequest,
    Context(context): Context,
    AdmittedSlot(slot): AdmittedSlot,
    (sales, policy, reading): (web::Data<InstanceSales>, web::Data<RequestPolicy>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let accepted = AcceptedValues {
        currency: sales.terms.currency,
        max_hold_minutes: sales.terms.max_hold_minutes,
        knows: &|token| sales.deps.desk.provider().knows(token),
    };
    let Keyed { caller, value: new, key } = keyed.read(|object| NewBooking::read(object, &accepted))?;
    account_limits::check_verified(&caller, policy.require_verified_email)?;
    account_limits::check_contact(&caller, &new.contact.email)?;
    account_limits::check_hold(&caller, new.hold_minutes)?;
    let locale = new.contact.locale.or_else(|| caller.claims().locale.clone());
    let order = Order {
        owner: caller.user_id(),
        segments: new.segments,
        passengers: new.passengers,
        contact: Contact { locale, ..new.contact },
        expected_total: new.expected_total,
        payment: new.payment,
        hold_minutes: new.hold_minutes,
        key,
        allowance: account_limits::allowance(&caller),
    };
    let admitted = AdmittedRequest { context, slot };
    let outcome = Box::pin(book((&order, admitted), &caller, (&sales, &reading))).await?;
    answer(outcome, StatusCode::CREATED, &request_id)
}

/// Makes a booking, and counts the letters that it causes to another's address.
async fn book(
    (order, request): (&Order, AdmittedRequest),
    caller: &Caller,
    (sales, reading): (&InstanceSales, &BookingReader),
) -> Result<SalesOutcome, Problem> {
    let context = request.context;
    let email = order.contact.email.clone();
    let came_to_nothing = |error| booking_failed(error, order.lowest_flight());
    if !CountedLetters::are_counted(caller, &email) {
        return sales.book(order, request).await.map_err(came_to_nothing);
    }
    if let Some(key) = &order.key
        && let Some(known) = sales.known(key, context).await.map_err(came_to_nothing)?
    {
        // What was done under the key is told again, however many letters there were since.
        return Ok(known);
    }
    let expected = if order.payment.is_some() { OF_A_PURCHASE } else { OF_A_HOLD };
    let letters = CountedLetters::count((&reading.pool, context), caller, (&email, expected)).await?;
    let sold = sales.book(order, request).await.map_err(came_to_nothing)?;
    if let Some(letters) = letters {
        let caused = match &sold {
            SalesOutcome::Done(state) if state.status == BookingStatus::Confirmed => OF_A_PURCHASE,
            // Also where its payment was declined.
            SalesOutcome::Done(_) | SalesOutcome::Declined(_) | SalesOutcome::Unsettled(_) => OF_A_HOLD,
            SalesOutcome::Replay(_) | SalesOutcome::Quoted(_) | SalesOutcome::Refused(_) => 0,
        };
        letters.keep(&reading.pool, caused).await;
    }
    Ok(sold)
}

/// One of the four statuses, as a query parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusParameter(pub(super) BookingStatus);

impl FromStr for StatusParameter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "held" => Ok(Self(BookingStatus::Held)),
            "confirmed" => Ok(Self(BookingStatus::Confirmed)),
            "cancelled" => Ok(Self(BookingStatus::Cancelled)),
            "expired" => Ok(Self(BookingStatus::Expired)),
            _ => Err("must be held, confirmed, cancelled or expired"),
        }
    }
}

/// List one's own bookings
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/bookings", tag = "bookings", security(("bearer" = [])),
    params(
        ("status" = Option<BookingStatus>, Query, description = "Only those that have this status now"),
        ("limit" = Option<u16>, Query, description = "1 to 200, else 50"),
        ("after" = Option<String>, Query, description = "`page.next` of the page before"),
    ),
    responses((status = 200, description = "A page of bookings", body = Page<BookingState>)),
)]
pub(crate) async fn list(
    caller: Caller,
    mut parameters: QueryParameters,
    Context(context): Context,
    reading: web::Data<BookingReader>,
) -> Result<HttpResponse, Problem> {
    let status = parameters.optional::<StatusParameter>("status").map(|status| status.0);
    let filters = ("bookings", caller.user_id().0, status);
    let page = PageRequest::<BookingId>::read(&mut parameters, &filters);
    parameters.finish()?;
    let asked = OwnBookingsQuery { owner: caller.user_id(), status, after: page.after, limit: page.rows() };
    let read = async {
        let mut connection = reading.pool.get().await?;
        presented::own(&mut connection, &reading.flights, &asked).await.map_err(DbError::from)
    };
    let found = deadline::until(context.deadline, read).await?;
    let states = found.into_iter().map(|(_, state)| state).collect();
    let page = page.page(states, |state: &BookingState| state.id);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}

/// Read a booking
///
/// One's own, any booking with `booking:read_any`, or the one that a look-up has opened.
#[utoipa::path(
    get, path = "/api/v1/bookings/{id}", tag = "bookings", security(("bearer" = [])),
    params(("id" = String, Path, description = "The booking")),
    responses(
        (status = 200, description = "The booking", body = BookingState),
        (status = 304, description = "The copy that the client has is good"),
        (status = 404, description = "There is no such booking for this caller"),
    ),
)]
pub(crate) async fn get(
    request: HttpRequest,
    id: Id<BookingId>,
    viewer: BookingViewer,
    parameters: QueryParameters,
    Context(context): Context,
    reading: web::Data<BookingReader>,
) -> Result<HttpResponse, Problem> {
    parameters.finish()?;
    let (_, mut state) = reading.readable(id.0, &viewer, context).await?;
    if matches!(viewer, BookingViewer::Guest(_)) {
        state = redacted(state);
    }
    Ok(conditional(&request, &tag(&state)?, PRIVATE, &state))
}

/// A booking as those see it who know only its locator and a name.
pub(super) fn redacted(mut state: BookingState) -> BookingState {
    state.contact = None;
    state.passengers.iter_mut().for_each(|passenger| passenger.born_on = None);
    state
}
