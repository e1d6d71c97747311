//! Writes new bookings, a batch at a time: all their rows in one statement.

use super::{
    codes::StoredCode,
    passengers,
    seats::{self},
};
use booking_engine::{
    booking::record::Booking,
    ledger::rows::{SeatRow, TravellerRow},
    payment::record::Payment,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Binary, Bool, Date, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::BookingId, statement};
use uuid::Uuid;

statement! {
    /// Inserts bookings with their segments, passengers, seats, travellers and payments, which are queued. The
    /// seats of a passenger come as the text of an array: `unnest` would flatten an array of arrays. A
    /// key in use is an error: an earlier read found it free.
    Insert {
        seat_numbers: Array<SmallInt> = Vec<i16>,
        seat_bookings: Array<SqlUuid> = Vec<Uuid>,
        sold: Array<Bool> = Vec<bool>,
        seat_flights: Array<SqlUuid> = Vec<Uuid>,
        traveller_owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
        traveller_bookings: Array<SqlUuid> = Vec<Uuid>,
        seated: Array<Bool> = Vec<bool>,
        traveller_flights: Array<SqlUuid> = Vec<Uuid>,
        payers: Array<SqlUuid> = Vec<Uuid>,
        methods: Array<Text> = Vec<String>,
        tokens: Array<Nullable<Text>> = Vec<Option<String>>,
        amounts: Array<BigInt> = Vec<i64>,
        states: Array<SmallInt> = Vec<i16>,
        held_until: Array<Timestamptz> = Vec<DateTime<Utc>>,
        keys: Array<Nullable<Binary>> = Vec<Option<Vec<u8>>>,
        answers: Array<SmallInt> = Vec<i16>,
        started: Array<Timestamptz> = Vec<DateTime<Utc>>,
        payments: Array<SqlUuid> = Vec<Uuid>,
        segment_positions: Array<SmallInt> = Vec<i16>,
        flights: Array<SqlUuid> = Vec<Uuid>,
        cabins: Array<SmallInt> = Vec<i16>,
        brands: Array<SmallInt> = Vec<i16>,
        fares: Array<BigInt> = Vec<i64>,
        taxes: Array<BigInt> = Vec<i64>,
        flight_versions: Array<BigInt> = Vec<i64>,
        segments: Array<SqlUuid> = Vec<Uuid>,
        passenger_positions: Array<SmallInt> = Vec<i16>,
        passenger_ids: Array<SqlUuid> = Vec<Uuid>,
        kinds: Array<SmallInt> = Vec<i16>,
        born: Array<Date> = Vec<NaiveDate>,
        tickets: Array<Nullable<BigInt>> = Vec<Option<i64>>,
        passengers: Array<SqlUuid> = Vec<Uuid>,
        given: Array<Text> = Vec<String>,
        family: Array<Text> = Vec<String>,
        seats: Array<Text> = Vec<String>,
        locators: Array<Text> = Vec<String>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        statuses: Array<SmallInt> = Vec<i16>,
        payment_statuses: Array<SmallInt> = Vec<i16>,
        holds: Array<Timestamptz> = Vec<DateTime<Utc>>,
        currencies: Array<Text> = Vec<String>,
        emails: Array<Text> = Vec<String>,
        phones: Array<Nullable<Text>> = Vec<Option<String>>,
        locales: Array<Nullable<Text>> = Vec<Option<String>>,
        versions: Array<BigInt> = Vec<i64>,
        created: Array<Timestamptz> = Vec<DateTime<Utc>>,
        ids: Array<SqlUuid> = Vec<Uuid>,
    } -> (),
    "WITH taken AS (
        INSERT INTO seats (flight_id, seat, booking_id, sold) SELECT id, $[i], $[i], $[i] FROM unnest($) WITH ORDINALITY AS new (id, i)
    ), entered AS (
        INSERT INTO travellers (flight_id, owner_id, fingerprint, booking_id, seated)
        SELECT id, $[i], $[i], $[i], $[i] FROM unnest($) WITH ORDINALITY AS new (id, i)
    ), paid AS (
        INSERT INTO payments (id, booking_id, method, token, amount, state, held_until, key_scope, answer, created_at)
        SELECT id, $[i], $[i], $[i], $[i], $[i], $[i], $[i], $[i], $[i]
        FROM unnest($) WITH ORDINALITY AS new (id, i) RETURNING id, created_at
    ), queued AS (
        INSERT INTO unsettled_payments (payment_id, attempted_at) SELECT id, created_at FROM paid
    ), flown AS (
        INSERT INTO segments (booking_id, position, flight_id, cabin, brand, fare, taxes, flight_version)
        SELECT id, $[i], $[i], $[i], $[i], $[i], $[i], $[i] FROM unnest($) WITH ORDINALITY AS new (id, i)
    ), carried AS (
        INSERT INTO passengers (booking_id, position, id, kind, given_name, family_name, born_on, ticket_number, seats)
        SELECT b, $[i], $[i], $[i], given, family, $[i], $[i], seats::smallint[]
        FROM unnest($, $, $, $) WITH ORDINALITY AS new (b, given, family, seats, i)
    )
    INSERT INTO bookings (id, locator, owner_id, status, payment_status, hold_expires_at, currency, contact_email, contact_phone, contact_locale, version, created_at, updated_at)
    SELECT id, $[i], $[i], $[i], $[i], $[i], $[i], $[i], $[i], $[i], $[i], created, created
    FROM (SELECT id, i, $[i] AS created FROM unnest($) WITH ORDINALITY AS new (id, i)) AS new"
}

/// The new rows of a batch.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// Bookings with their segments, passengers and payments.
    pub(crate) bookings: &'a [Booking],
    /// New rows of `seats`, of these and other bookings.
    pub(crate) taken: &'a [SeatRow],
    /// New rows of `travellers`, of these and other bookings.
    pub(crate) entered: &'a [TravellerRow],
    /// Payments of bookings that exist.
    pub(crate) payments: &'a [(BookingId, Payment)],
}

/// Writes the rows. A taken seat, passenger key or locator violates its unique constraint.
pub(crate) async fn insert(connection: &AsyncPgConnection, new: New<'_>) -> QueryResult<()> {
    let nothing =
        new.bookings.is_empty() && new.taken.is_empty() && new.entered.is_empty() && new.payments.is_empty();
    match nothing {
        true => Ok(()),
        false => query(&new).execute(&mut &*connection).await.map(drop),
    }
}

fn query(New { bookings: new, taken, entered, payments }: &New<'_>) -> Insert {
    let made = || new.iter().flat_map(|booking| booking.payments.iter().map(|one| (booking.id, one)));
    let payments = || made().chain(payments.iter().map(|(booking, payment)| (*booking, payment)));
    let segments = || {
        new.iter().flat_map(|booking| {
            booking.segments.iter().zip(0_i16..).map(|(segment, position)| (booking.id.0, position, segment))
        })
    };
    let passengers = || {
        new.iter().flat_map(|booking| {
            let passengers = booking.passengers.iter().zip(0_i16..);
            passengers.map(|(passenger, position)| (booking.id.0, position, passenger))
        })
    };
    let phone = |booking: &Booking| booking.contact.phone.as_ref().map(|phone| phone.as_str().to_owned());
    let locale = |booking: &Booking| booking.contact.locale.as_ref().map(ToString::to_string);
    let (seat_flights, seat_numbers, seat_bookings) = seats::columns(taken);
    Insert {
        seat_flights,
        seat_numbers,
        seat_bookings,
        sold: taken.iter().map(|row| row.sold).collect(),
        traveller_flights: entered.iter().map(|row| row.flight.0).collect(),
        traveller_owners: entered.iter().map(|row| row.owner.0).collect(),
        fingerprints: entered.iter().map(|row| row.fingerprint).collect(),
        traveller_bookings: entered.iter().map(|row| row.booking.0).collect(),
        seated: entered.iter().map(|row| row.seated).collect(),
        payments: payments().map(|(_, payment)| payment.id.0).collect(),
        payers: payments().map(|(booking, _)| booking.0).collect(),
        methods: payments().map(|(_, payment)| payment.method.clone()).collect(),
        tokens: payments().map(|(_, payment)| payment.token.clone()).collect(),
        amounts: payments().map(|(_, payment)| payment.amount).collect(),
        states: payments().map(|(_, payment)| payment.state.code()).collect(),
        held_until: payments().map(|(_, payment)| payment.held_until).collect(),
        keys: payments().map(|(_, payment)| payment.key_scope.clone()).collect(),
        answers: payments().map(|(_, payment)| payment.answer).collect(),
        started: payments().map(|(_, payment)| payment.created_at).collect(),
        segments: segments().map(|(booking, _, _)| booking).collect(),
        segment_positions: segments().map(|(_, position, _)| position).collect(),
        flights: segments().map(|(_, _, segment)| segment.flight_id.0).collect(),
        cabins: segments().map(|(_, _, segment)| segment.cabin.code()).collect(),
        brands: segments().map(|(_, _, segment)| segment.brand.code()).collect(),
        fares: segments().map(|(_, _, segment)| segment.fare).collect(),
        taxes: segments().map(|(_, _, segment)| segment.taxes).collect(),
        flight_versions: segments().map(|(_, _, segment)| segment.flight_version).collect(),
        passengers: passengers().map(|(booking, _, _)| booking).collect(),
        passenger_positions: passengers().map(|(_, position, _)| position).collect(),
        passenger_ids: passengers().map(|(_, _, passenger)| passenger.id.0).collect(),
        kinds: passengers().map(|(_, _, passenger)| passenger.kind.code()).collect(),
        given: passengers().map(|(_, _, passenger)| passenger.given_name.as_str().to_owned()).collect(),
        family: passengers().map(|(_, _, passenger)| passenger.family_name.as_str().to_owned()).collect(),
        born: passengers().map(|(_, _, passenger)| passenger.born_on).collect(),
        tickets: passengers().map(|(_, _, passenger)| passenger.ticket_number).collect(),
        seats: passengers().map(|(_, _, passenger)| passengers::array_text(&passenger.seats)).collect(),
        ids: new.iter().map(|booking| booking.id.0).collect(),
        locators: new.iter().map(|booking| booking.locator.as_str().to_owned()).collect(),
        owners: new.iter().map(|booking| booking.owner_id.0).collect(),
        statuses: new.iter().map(|booking| booking.status.code()).collect(),
        payment_statuses: new.iter().map(|booking| booking.payment_status.code()).collect(),
        holds: new.iter().map(|booking| booking.hold_expires_at).collect(),
        currencies: new.iter().map(|booking| booking.currency.code().to_owned()).collect(),
        emails: new.iter().map(|booking| booking.contact.email.as_str().to_owned()).collect(),
        phones: new.iter().map(phone).collect(),
        locales: new.iter().map(locale).collect(),
        versions: new.iter().map(|booking| booking.version).collect(),
        created: new.iter().map(|booking| booking.created_at).collect(),
    }
}
