//! The passengers of bookings.

use super::{codes::StoredCode, schema::passengers};
use booking_engine::{
    booking::{locator::Locator, record::Booking},
    passengers::passenger::Passenger,
};
use chrono::NaiveDate;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    fare::PassengerType,
    ids::{BookingId, PassengerId},
    person_name::PersonName,
    seat::SeatDesignator,
    statement,
};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Writes names, tickets and seats. Seats come as texts of arrays: `unnest` would flatten an array of arrays.
    Update {
        bookings: Array<SqlUuid> = Vec<Uuid>,
        positions: Array<SmallInt> = Vec<i16>,
        given: Array<Text> = Vec<String>,
        family: Array<Text> = Vec<String>,
        booked_given: Array<Nullable<Text>> = Vec<Option<String>>,
        booked_family: Array<Nullable<Text>> = Vec<Option<String>>,
        tickets: Array<Nullable<BigInt>> = Vec<Option<i64>>,
        seats: Array<Text> = Vec<String>,
    } -> (),
    "UPDATE passengers SET given_name = n.given, family_name = n.family, booked_given_name = n.booked_given, booked_family_name = n.booked_family, ticket_number = n.ticket, seats = n.seats::smallint[] FROM unnest($, $, $, $, $, $, $, $) AS n (booking, position, given, family, booked_given, booked_family, ticket, seats) WHERE booking_id = n.booking AND passengers.position = n.position"
}

statement! {
    /// Allocates document numbers.
    Documents { count: BigInt = i64 } -> (BigInt,),
    "SELECT nextval('ticket_documents') FROM generate_series(1, $)"
}

statement! {
    /// The passengers under a locator. For a locator without a booking the statement reads the passengers of a booking
    /// that does not exist: it takes the same time.
    FamilyNames { locator: Text = String } -> (SqlUuid, Text),
    "SELECT booking_id, family_name FROM passengers WHERE booking_id = coalesce((SELECT id FROM bookings WHERE locator = $), '00000000-0000-0000-0000-000000000000'::uuid)"
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = passengers)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct PassengerRow {
    booking_id: Uuid,
    id: Uuid,
    kind: i16,
    given_name: String,
    family_name: String,
    born_on: NaiveDate,
    ticket_number: Option<i64>,
    seats: Vec<Option<i16>>,
    booked_given_name: Option<String>,
    booked_family_name: Option<String>,
}

/// The family names of the passengers under a locator, each with its booking.
pub(crate) async fn by_locator(
    connection: &AsyncPgConnection,
    locator: &Locator,
) -> QueryResult<Vec<(BookingId, PersonName)>> {
    let query = FamilyNames { locator: locator.as_str().to_owned() };
    let rows: Vec<(Uuid, String)> = query.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(booking, family)| (BookingId(booking), PersonName::stored(family))).collect())
}

/// The passengers of bookings, in their order.
pub(crate) async fn load(
    connection: &AsyncPgConnection,
    bookings: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<Passenger>>> {
    let rows: Vec<PassengerRow> = passengers::table
        .filter(passengers::booking_id.eq_any(bookings))
        .order((passengers::booking_id, passengers::position))
        .select(PassengerRow::as_select())
        .load(&mut &*connection)
        .await?;
    let mut found: HashMap<Uuid, Vec<Passenger>> = HashMap::new();
    for row in rows {
        let kind = PassengerType::of_code(row.kind)
            .map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
        let booked = row.booked_given_name.zip(row.booked_family_name);
        let seat = |number: Option<i16>| number.and_then(SeatDesignator::from_number);
        found.entry(row.booking_id).or_default().push(Passenger {
            id: PassengerId(row.id),
            kind,
            given_name: PersonName::stored(row.given_name),
            family_name: PersonName::stored(row.family_name),
            booked_name: booked
                .map(|(given, family)| (PersonName::stored(given), PersonName::stored(family))),
            born_on: row.born_on,
            ticket_number: row.ticket_number,
            seats: row.seats.into_iter().map(seat).collect(),
        });
    }
    Ok(found)
}

/// Seats as the text of an array.
pub(super) fn array_text(seats: &[Option<SeatDesignator>]) -> String {
    let numbers: Vec<_> = seats
        .iter()
        .map(|seat| seat.map_or_else(|| "NULL".to_owned(), |seat| seat.to_number().to_string()))
        .collect();
    format!("{{{}}}", numbers.join(","))
}

/// Allocates `count` document numbers. The numbers of a failed transaction are lost on purpose: a number is never used
/// twice.
pub(crate) async fn allocate_ticket_numbers(
    connection: &AsyncPgConnection,
    count: usize,
) -> QueryResult<Vec<i64>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows: Vec<(i64,)> = Documents { count }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(number,)| number).collect())
}

/// Writes names, tickets and seats of the passengers of bookings.
pub(crate) async fn update(connection: &AsyncPgConnection, changed: &[&Booking]) -> QueryResult<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let rows = || {
        changed.iter().flat_map(|booking| {
            let passengers = booking.passengers.iter().zip(0_i16..);
            passengers.map(|(passenger, position)| (booking.id.0, position, passenger))
        })
    };
    let text = |name: &PersonName| name.as_str().to_owned();
    let booked = |passenger: &Passenger| passenger.booked_name.as_ref().map(|(given, _)| text(given));
    let booked_family =
        |passenger: &Passenger| passenger.booked_name.as_ref().map(|(_, family)| text(family));
    let query = Update {
        bookings: rows().map(|(booking, _, _)| booking).collect(),
        positions: rows().map(|(_, position, _)| position).collect(),
        given: rows().map(|(_, _, passenger)| text(&passenger.given_name)).collect(),
        family: rows().map(|(_, _, passenger)| text(&passenger.family_name)).collect(),
        booked_given: rows().map(|(_, _, passenger)| booked(passenger)).collect(),
        booked_family: rows().map(|(_, _, passenger)| booked_family(passenger)).collect(),
        tickets: rows().map(|(_, _, passenger)| passenger.ticket_number).collect(),
        seats: rows().map(|(_, _, passenger)| array_text(&passenger.seats)).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}
