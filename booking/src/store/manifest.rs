//! The passengers of a flight.

use super::codes::StoredCode;
use crate::domain::manifest::OnBoard;
use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    fare::PassengerType,
    ids::{BookingId, FlightId, PassengerId},
    seat::{Cabin, SeatDesignator},
    statement,
};
use uuid::Uuid;

statement! {
    /// The passengers of confirmed bookings on a flight, those of a booking together, in its order.
    PassengersOf { flight: SqlUuid = Uuid } -> (SqlUuid, Text, SmallInt, SqlUuid, SmallInt, Text, Text, Nullable<BigInt>, Nullable<SmallInt>),
    "SELECT b.id, b.locator, s.cabin, p.id, p.kind, p.given_name, p.family_name, p.ticket_number, p.seats[s.position + 1] FROM segments s JOIN bookings b ON b.id = s.booking_id JOIN passengers p ON p.booking_id = b.id WHERE s.flight_id = $ AND b.status = 1 ORDER BY b.id, p.position"
}

type OnBoardRow = (Uuid, String, i16, Uuid, i16, String, String, Option<i64>, Option<i16>);

/// The passengers of confirmed bookings on a flight, those of a booking together, in its order.
pub(crate) async fn passengers_of(
    connection: &mut AsyncPgConnection,
    flight: FlightId,
) -> QueryResult<Vec<OnBoard>> {
    let rows: Vec<OnBoardRow> = PassengersOf { flight: flight.0 }.load(connection).await?;
    let damaged =
        |error: super::codes::UnknownCode| diesel::result::Error::DeserializationError(error.into());
    let read =
        |(booking, locator, cabin, passenger, kind, given_name, family_name, ticket_number, seat): OnBoardRow| {
            Ok(OnBoard {
                booking_id: BookingId(booking),
                locator,
                cabin: Cabin::of_code(cabin).map_err(damaged)?,
                passenger_id: PassengerId(passenger),
                kind: PassengerType::of_code(kind).map_err(damaged)?,
                given_name,
                family_name,
                ticket_number,
                seat: seat.and_then(SeatDesignator::from_number),
            })
        };
    rows.into_iter().map(read).collect()
}
