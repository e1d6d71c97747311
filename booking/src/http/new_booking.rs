//! The body of `POST /bookings`.

use super::{
    field_errors::field_errors,
    payment_body::{PaymentSchema, read_payment},
};
use booking_engine::{
    booking::{hold::HoldTime, itinerary},
    passengers::{
        contact::{Contact, Phone},
        party,
        passenger::{Passenger, check_birth},
    },
    payment::record::PaymentOrder,
    sell::order::OrderSegment,
};
use chrono::{NaiveDate, Utc};
use serde::Serialize;
use shared::{
    calendar_date::{CalendarDate, InvalidDate},
    email::EmailAddress,
    fare::{Brand, PassengerType},
    http::{FieldError, JsonReader},
    ids::{FlightId, PassengerId},
    money::{Currency, Money},
    person_name::PersonName,
    seat::{Cabin, SeatDesignator},
};
use std::{fmt::Display, str::FromStr};
use utoipa::ToSchema;

/// Passengers in a request: nine with seats, and an infant on each lap.
const PASSENGERS: std::ops::RangeInclusive<usize> = 1..=18;

/// A booking that is wanted.
#[derive(Debug, Clone)]
pub(super) struct NewBooking {
    pub(super) segments: Vec<OrderSegment>,
    pub(super) passengers: Vec<Passenger>,
    pub(super) contact: Contact,
    pub(super) expected_total: Option<Money>,
    pub(super) payment: Option<PaymentOrder>,
    pub(super) hold_minutes: Option<i64>,
}

/// What a new booking may ask for, as far as that does not depend on its flights.
pub(super) struct AcceptedValues<'a> {
    /// In which everything is sold.
    pub(super) currency: Currency,
    /// Minutes that a hold may be asked for.
    pub(super) max_hold_minutes: u32,
    /// Whether a token is one of the payment provider's.
    pub(super) knows: &'a dyn Fn(&str) -> bool,
}

impl NewBooking {
    /// Reads a body; every error is noted in the object.
    pub(super) fn read(object: &mut JsonReader<'_>, accepted: &AcceptedValues<'_>) -> Option<Self> {
        let segments = object.list("segments", 1..=itinerary::LARGEST, read_segment);
        let mut passengers = object.each("passengers", PASSENGERS, read_passenger);
        let contact = object.object("contact", read_contact);
        let expected_total = object.optional("expected_total");
        if expected_total.is_some_and(|total: Money| total.minor < 0) {
            object.error("expected_total", "must not be negative");
        }
        let payment = object.optional_object("payment", |payment| read_payment(payment, accepted.knows));
        let hold_minutes = object.optional("hold_minutes");
        if let Some(segments) = &segments {
            object.note(field_errors(itinerary::check_distinct(
                segments.iter().map(|segment| segment.flight_id),
            )));
            check_seats(object, passengers.iter_mut().flatten().map(Option::as_mut), segments.len());
        }
        object.note(field_errors(party::check(passengers.as_deref().unwrap_or_default())));
        if object.is_wrong() {
            // Else it is told with what is wrong on the flights.
            check_values(object, (expected_total, hold_minutes), accepted);
        }
        let passengers = passengers?.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self {
            segments: segments?,
            passengers,
            contact: contact?,
            expected_total,
            payment,
            hold_minutes,
        })
    }
}

/// Refuses what no flight allows.
fn check_values(
    object: &mut JsonReader<'_>,
    (expected_total, hold_minutes): (Option<Money>, Option<i64>),
    accepted: &AcceptedValues<'_>,
) {
    if expected_total.is_some_and(|total| total.currency != accepted.currency) {
        object.error("expected_total", format!("must be in {}", accepted.currency));
    }
    if let Some(minutes) = hold_minutes
        && let Err(error) = HoldTime::check(minutes, accepted.max_hold_minutes)
    {
        object.error("hold_minutes", error);
    }
}

/// A member that is a text of some form.
fn parsed<T: FromStr<Err: Display>>(object: &mut JsonReader<'_>, name: &str) -> Option<T> {
    let text: String = object.required(name)?;
    text.parse().map_err(|error| object.error(name, error)).ok()
}

fn read_segment(object: &mut JsonReader<'_>) -> Option<OrderSegment> {
    let flight_id: Option<FlightId> = parsed(object, "flight_id");
    let cabin: Option<Cabin> = parsed(object, "cabin");
    let brand: Option<Brand> = parsed(object, "brand");
    Some(OrderSegment { flight_id: flight_id?, cabin: cabin?, brand: brand? })
}

fn read_passenger(object: &mut JsonReader<'_>) -> Option<Passenger> {
    let kind: Option<PassengerType> = parsed(object, "type");
    let given_name: Option<PersonName> = parsed(object, "given_name");
    let family_name: Option<PersonName> = parsed(object, "family_name");
    let born_on = object.required::<String>("born_on").and_then(|text| read_date(object, &text));
    let seats = read_seats(object, kind);
    Some(Passenger {
        id: PassengerId::new(),
        kind: kind?,
        given_name: given_name?,
        family_name: family_name?,
        booked_name: None,
        born_on: born_on?,
        ticket_number: None,
        seats: seats?,
    })
}

/// `YYYY-MM-DD`, a day that exists, and on which a traveller may have been born.
fn read_date(object: &mut JsonReader<'_>, text: &str) -> Option<NaiveDate> {
    let CalendarDate(date) =
        text.parse().map_err(|error: InvalidDate| object.error("born_on", error)).ok()?;
    check_birth(date, Utc::now()).map_err(|error| object.error("born_on", error)).ok()?;
    Some(date)
}

/// The seats that were named; none where nothing is said of them.
fn read_seats(
    object: &mut JsonReader<'_>,
    kind: Option<PassengerType>,
) -> Option<Vec<Option<SeatDesignator>>> {
    let Some(seats) = object.optional::<Vec<Option<String>>>("seats") else { return Some(Vec::new()) };
    if seats.is_empty() && kind.is_some_and(PassengerType::has_seat) {
        object.error("seats", "must have one seat, or null, for each segment");
    }
    if seats.len() > itinerary::LARGEST {
        object.error("seats", format!("must have at most {} items", itinerary::LARGEST));
        return None;
    }
    let mut read = Vec::with_capacity(seats.len());
    for (index, seat) in seats.into_iter().enumerate() {
        match seat.map(|text| text.parse()).transpose() {
            Ok(seat) => read.push(seat),
            Err(error) => {
                let error: shared::seat::InvalidSeat = error;
                object.note([FieldError::at(format!("/seats/{index}"), error)]);
            }
        }
    }
    Some(read)
}

/// Seats are positional: one a segment, or none at all.
fn check_seats<'a>(
    object: &mut JsonReader<'_>,
    passengers: impl Iterator<Item = Option<&'a mut Passenger>>,
    segments: usize,
) {
    for (index, passenger) in passengers.enumerate() {
        let Some(passenger) = passenger else { continue };
        if passenger.seats.is_empty() {
            passenger.seats = vec![None; segments];
        } else if passenger.seats.len() != segments {
            object.note([FieldError::at(
                format!("/passengers/{index}/seats"),
                "must have one seat, or null, for each segment",
            )]);
            passenger.seats.resize(segments, None);
        }
    }
}

fn read_contact(object: &mut JsonReader<'_>) -> Option<Contact> {
    let email: Option<EmailAddress> = parsed(object, "email");
    let phone = object.optional::<String>("phone").map(|text| text.parse::<Phone>());
    let phone = phone.transpose().map_err(|error| object.error("phone", error)).ok();
    let locale = object.optional("locale");
    Some(Contact { email: email?, phone: phone?, locale })
}

/// A new booking.
#[derive(Serialize, ToSchema)]
#[schema(as = NewBooking)]
pub(crate) struct NewBookingSchema {
    /// One to six flights in the order of travel, each once and departing after those before have arrived.
    segments: Vec<NewSegmentSchema>,
    /// One to nine travellers with seats, and an infant on each adult's lap at most.
    passengers: Vec<NewPassengerSchema>,
    /// How to reach them.
    contact: NewContactSchema,
    /// The most that is to be paid; a lower price is charged as it is.
    expected_total: Option<Money>,
    /// To pay at once; without it the seats are held.
    payment: Option<PaymentSchema>,
    /// How long to hold: 1 to 60 minutes, up to 1440 when the first departure is 7 days away. 15. A
    /// hold ends when sales close, 45 minutes before the first departure, at the latest.
    hold_minutes: Option<i64>,
}

/// A flight that is wanted.
#[derive(Serialize, ToSchema)]
#[schema(as = NewSegment)]
pub(crate) struct NewSegmentSchema {
    flight_id: FlightId,
    cabin: Cabin,
    brand: Brand,
}

/// A traveller.
#[derive(Serialize, ToSchema)]
#[schema(as = NewPassenger)]
pub(crate) struct NewPassengerSchema {
    r#type: PassengerType,
    given_name: String,
    family_name: String,
    born_on: NaiveDate,
    /// One a segment, null to have it assigned; absent: all assigned.
    #[schema(example = json!(["12A"]))]
    seats: Option<Vec<Option<String>>>,
}

/// How to reach the travellers.
#[derive(Serialize, ToSchema)]
#[schema(as = NewContact)]
pub(crate) struct NewContactSchema {
    #[schema(example = "ada@example.org")]
    email: String,
    #[schema(example = "+33123456789")]
    phone: Option<String>,
    /// The language of letters, a BCP 47 tag; that of the account where it is missing.
    #[schema(example = "de")]
    locale: Option<String>,
}
