//! What travellers change of their bookings: contact, names, seats.

use super::{
    account_limits::check_contact,
    answers::answer,
    booking_reader::{BookingReader, acting, matching},
    letter_limit::{OF_A_HOLD, of_change, with_letters},
};
use crate::{actors::sales::InstanceSales, http::context::Context};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use booking_engine::{
    booking::{lifecycle::BookingStage, name_correction::NameCorrection, seat_change::SeatChange},
    passengers::contact::{ContactPatch, Phone},
};
use serde::Serialize;
use shared::{
    auth::{Caller, Permission},
    email::EmailAddress,
    events::{BookingState, BookingStatus},
    http::{Body, Code, FromJson, Id, JsonReader, NoParameters, Patch, Problem, RequestId},
    ids::{BookingId, FlightId, PassengerId},
    person_name::PersonName,
    seat::SeatDesignator,
};
use std::{fmt::Display, str::FromStr};
use utoipa::ToSchema;

/// Changes of seats in one request: nine travellers on six flights.
const SEAT_CHANGES: std::ops::RangeInclusive<usize> = 1..=54;

/// A text of a merge patch that may be changed but not removed, of some form.
fn patched<T: FromStr<Err: Display>>(object: &mut JsonReader<'_>, name: &str) -> Option<T> {
    let text: String = object.patch_required(name)?;
    text.parse().map_err(|error| object.error(name, error)).ok()
}

/// The body of a change of the contact.
#[derive(Debug, Clone)]
pub(crate) struct ContactChange(ContactPatch);

impl FromJson for ContactChange {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        if !object.has("contact") {
            return Some(Self(ContactPatch { email: None, phone: Patch::Keep, locale: Patch::Keep }));
        }
        object.object("contact", |contact| {
            let email = patched::<EmailAddress>(contact, "email");
            let phone = match contact.patch::<String>("phone") {
                Patch::Keep => Patch::Keep,
                Patch::Remove => Patch::Remove,
                Patch::Set(text) => match text.parse::<Phone>() {
                    Ok(phone) => Patch::Set(phone),
                    Err(error) => {
                        contact.error("phone", error);
                        Patch::Keep
                    }
                },
            };
            let locale = contact.patch("locale");
            Some(Self(ContactPatch { email, phone, locale }))
        })
    }
}

/// The names of a merge patch.
#[derive(Debug, Clone)]
pub(crate) struct NamePatch {
    given_name: Option<PersonName>,
    family_name: Option<PersonName>,
}

impl FromJson for NamePatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let given_name = patched(object, "given_name");
        let family_name = patched(object, "family_name");
        Some(Self { given_name, family_name })
    }
}

/// The body of a change of seats.
#[derive(Debug, Clone)]
pub(crate) struct SeatChanges(Vec<SeatChange>);

impl FromJson for SeatChanges {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.list("changes", SEAT_CHANGES, read_change).map(Self)
    }
}

fn read_change(object: &mut JsonReader<'_>) -> Option<SeatChange> {
    fn parsed<T: FromStr<Err: Display>>(object: &mut JsonReader<'_>, name: &str) -> Option<T> {
        let text: String = object.required(name)?;
        text.parse().map_err(|error| object.error(name, error)).ok()
    }
    let passenger: Option<PassengerId> = parsed(object, "passenger_id");
    let flight: Option<FlightId> = parsed(object, "flight_id");
    let seat: Option<SeatDesignator> = parsed(object, "designator");
    Some(SeatChange { passenger: passenger?, flight: flight?, seat: seat? })
}

/// A change of a booking.
#[derive(Serialize, ToSchema)]
#[schema(as = BookingPatch)]
pub(crate) struct BookingPatchSchema {
    /// What is not mentioned stays. A `phone` that is null is removed; where `locale` is null, the language is that of the
    /// account.
    contact: ContactPatchSchema,
}

/// A change of a contact.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactPatch)]
pub(crate) struct ContactPatchSchema {
    #[schema(example = "ada@example.org")]
    email: Option<String>,
    #[schema(example = "+33123456789")]
    phone: Option<String>,
    #[schema(example = "de")]
    locale: Option<String>,
}

/// A name as it should have been.
#[derive(Serialize, ToSchema)]
#[schema(as = NameCorrection)]
pub(crate) struct NamePatchSchema {
    given_name: Option<String>,
    family_name: Option<String>,
}

/// Passengers on other seats.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatChanges)]
pub(crate) struct SeatChangesSchema {
    changes: Vec<SeatChangeSchema>,
}

/// A passenger on another seat of a flight.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatChange)]
pub(crate) struct SeatChangeSchema {
    passenger_id: PassengerId,
    flight_id: FlightId,
    #[schema(example = "12A")]
    designator: String,
}

/// Change the contact of a booking
#[utoipa::path(
    patch, path = "/api/v1/bookings/{id}", tag = "bookings", security(("bearer" = [])),
    request_body(content = BookingPatchSchema, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The booking")),
    responses(
        (status = 200, description = "The booking, changed", body = BookingState),
        (status = 403, description = "email_unverified: until it is verified, the contact is the account's own address"),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "already_cancelled, hold_expired, payment_in_progress"),
        (status = 412, description = "The booking was changed meanwhile"),
        (status = 429, description = "rate_limited: too many letters to addresses other than the account's own"),
    ),
)]
pub(crate) async fn contact(
    (request, request_id): (HttpRequest, RequestId),
    id: Id<BookingId>,
    caller: Caller,
    _: NoParameters,
    body: Body<ContactChange>,
    Context(context): Context,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let (booking, state) = reading.changeable(id.0, &caller, context).await?;
    let at = matching(&request, &state)?;
    let mut patch = body.value.0;
    if matches!(patch.locale, Patch::Remove)
        && caller.user_id() == booking.owner_id
        && let Some(locale) = &caller.claims().locale
    {
        patch.locale = Patch::Set(locale.clone());
    }
    let email = patch.email.as_ref().unwrap_or(&booking.contact.email);
    if booking.contact.email != *email {
        check_contact(&caller, email)?;
    }
    // A hold that gets another contact has yet to end, with a letter there.
    let is_moved = booking.status == BookingStatus::Held && booking.contact.email != *email;
    let letters = of_change(&caller, email, (if is_moved { OF_A_HOLD } else { 1 }, 0));
    let sales = acting(&sales, &booking, &caller, &request_id);
    let change = sales.change_contact(&booking, at, patch.clone(), context);
    let sold = with_letters((&reading.pool, context), &caller, (letters, booking.version), change).await?;
    answer(sold, StatusCode::OK, &request_id)
}

/// Correct a passenger's name
///
/// At most three letters may change.
#[utoipa::path(
    patch, path = "/api/v1/bookings/{id}/passengers/{passenger_id}", tag = "bookings", security(("bearer" = [])),
    request_body(content = NamePatchSchema, content_type = "application/merge-patch+json"),
    params(
        ("id" = String, Path, description = "The booking"),
        ("passenger_id" = String, Path, description = "The passenger"),
    ),
    responses(
        (status = 200, description = "The booking, changed", body = BookingState),
        (status = 404, description = "There is no such booking for this caller, or no such passenger"),
        (status = 409, description = "already_cancelled, hold_expired, payment_in_progress, passenger_already_booked, flight_not_bookable (too late)"),
        (status = 412, description = "The booking was changed meanwhile"),
        (status = 429, description = "rate_limited: too many letters to addresses other than the account's own"),
    ),
)]
pub(crate) async fn name(
    (request, request_id): (HttpRequest, RequestId),
    path: web::Path<(String, String)>,
    caller: Caller,
    _: NoParameters,
    body: Body<NamePatch>,
    Context(context): Context,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let (id, passenger) = path.into_inner();
    let not_found = |_| Problem::new(Code::NotFound);
    let (id, passenger) = (id.parse::<BookingId>(), passenger.parse::<PassengerId>());
    let (id, passenger) = (id.map_err(not_found)?, passenger.map_err(not_found)?);
    let (booking, state) = reading.changeable(id, &caller, context).await?;
    let NamePatch { given_name, family_name } = body.value;
    let correction = NameCorrection { passenger, given_name, family_name };
    let at = matching(&request, &state)?;
    let letters = of_change(&caller, &booking.contact.email, (1, 0));
    let sales = acting(&sales, &booking, &caller, &request_id);
    let change = sales.correct_name(&booking, at, correction, context);
    let sold = with_letters((&reading.pool, context), &caller, (letters, booking.version), change).await?;
    answer(sold, StatusCode::OK, &request_id)
}

/// Change the seats of a booking
///
/// Either all changes are made, or none.
#[utoipa::path(
    patch, path = "/api/v1/bookings/{id}/seats", tag = "bookings", security(("bearer" = [])), request_body = SeatChangesSchema,
    params(("id" = String, Path, description = "The booking")),
    responses(
        (status = 200, description = "The booking, changed", body = BookingState),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "seat_taken (with `seats`), already_cancelled, hold_expired, payment_in_progress, flight_not_bookable (too late), hold_limit (too many changes at once)"),
        (status = 412, description = "The booking was changed meanwhile"),
        (status = 429, description = "rate_limited: too many letters to addresses other than the account's own"),
        (status = 422, description = "validation_failed, seat_not_allowed"),
    ),
)]
pub(crate) async fn seats(
    (request, request_id): (HttpRequest, RequestId),
    id: Id<BookingId>,
    caller: Caller,
    _: NoParameters,
    body: Body<SeatChanges>,
    Context(context): Context,
    (sales, reading): (web::Data<InstanceSales>, web::Data<BookingReader>),
) -> Result<HttpResponse, Problem> {
    let (booking, state) = reading.changeable(id.0, &caller, context).await?;
    let at = matching(&request, &state)?;
    let stage = BookingStage::of(state.status, state.payment_status);
    let exempt = caller.may(Permission::LimitsExempt);
    let letters = of_change(&caller, &booking.contact.email, (1, 0));
    let sales = acting(&sales, &booking, &caller, &request_id);
    let change = sales.change_seats((&booking, stage), (at, body.value.0), exempt, context);
    let sold = with_letters((&reading.pool, context), &caller, (letters, booking.version), change).await?;
    answer(sold, StatusCode::OK, &request_id)
}
