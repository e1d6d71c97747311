//! The fence: which booking a seat of a flight belongs to.

use super::{statement::statement, travellers::TravellerRow};
use crate::domain::refusal::FlightSeat;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::SeatsState,
    ids::{BookingId, FlightId, UserId},
    seat::SeatDesignator,
};
use uuid::Uuid;

statement! {
    /// Takes the seats that are free.
    TakeSeats {
        flights: Array<SqlUuid> = Vec<Uuid>,
        seats: Array<SmallInt> = Vec<i16>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        sold: Array<Bool> = Vec<bool>,
    } -> (SqlUuid, SmallInt, SqlUuid, Bool),
    "INSERT INTO seats (flight_id, seat, booking_id, sold) SELECT f, s, b, o FROM unnest($, $, $, $) AS wanted (f, s, b, o) ORDER BY f, s ON CONFLICT DO NOTHING RETURNING flight_id, seat, booking_id, sold"
}

statement! {
    /// Gives seats back, those that belong to the booking.
    FreeSeats {
        flights: Array<SqlUuid> = Vec<Uuid>,
        seats: Array<SmallInt> = Vec<i16>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
    } -> (),
    "DELETE FROM seats USING unnest($, $, $) AS given (f, s, b) WHERE flight_id = f AND seat = s AND booking_id = b"
}

statement! {
    /// Holds that have ended but stand in the way, with what they have of it: seats, or places of travellers.
    StaleHolders {
        flights: Array<SqlUuid> = Vec<Uuid>,
        seats: Array<SmallInt> = Vec<i16>,
        traveller_flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
    } -> (SqlUuid, SqlUuid, Nullable<SmallInt>, Nullable<SqlUuid>, Nullable<BigInt>),
    "SELECT b.id, held.f, held.n, held.o, held.p FROM (SELECT s.booking_id, f, n, NULL::uuid AS o, NULL::bigint AS p FROM unnest($, $) AS wanted (f, n) JOIN seats s ON s.flight_id = f AND s.seat = n WHERE NOT s.sold UNION ALL SELECT t.booking_id, f, NULL, o, p FROM unnest($, $, $) AS wanted (f, o, p) JOIN travellers t ON t.flight_id = f AND t.owner_id = o AND t.fingerprint = p) AS held JOIN bookings b ON b.id = held.booking_id WHERE b.status = 0 AND b.payment_status = 0 AND b.hold_expires_at <= clock_timestamp()"
}

statement! {
    /// Draws the next version of the seats of flights, and gives all seats that are not free: held, sold.
    Next { ids: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, BigInt, Array<SmallInt>, Array<SmallInt>),
    "WITH next AS (UPDATE flights SET seats_version = seats_version + 1 WHERE id = ANY($) RETURNING id, seats_version) SELECT next.id, next.seats_version, coalesce(array_agg(seat) FILTER (WHERE NOT sold), '{}'), coalesce(array_agg(seat) FILTER (WHERE sold), '{}') FROM next LEFT JOIN seats ON seats.flight_id = next.id GROUP BY next.id, next.seats_version"
}

statement! {
    /// How many bookings have seats of a flight. Holds that have ended do not count.
    LiveBookings { id: SqlUuid = Uuid } -> (BigInt,),
    "SELECT count(DISTINCT b.id) FROM seats s JOIN bookings b ON b.id = s.booking_id WHERE s.flight_id = $ AND (b.status = 1 OR b.payment_status = 1 OR b.hold_expires_at > clock_timestamp())"
}

/// A seat of a flight with the booking that it belongs to, or is to belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeatRow {
    pub(crate) seat: FlightSeat,
    pub(crate) booking: BookingId,
    /// Held where it is not sold.
    pub(crate) sold: bool,
}

/// A hold that has ended but stands in the way, with one thing that it has of what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StaleHold {
    pub(crate) booking: BookingId,
    pub(crate) has: Held,
}

/// What a hold keeps from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Seat(FlightSeat),
    /// An account's traveller on a flight, by the fingerprint.
    Traveller(FlightId, UserId, i64),
}

/// Flights, seats and bookings as columns.
pub(super) fn columns(rows: &[SeatRow]) -> (Vec<Uuid>, Vec<i16>, Vec<Uuid>) {
    (
        rows.iter().map(|row| row.seat.flight_id.0).collect(),
        rows.iter().map(|row| row.seat.designator.to_number()).collect(),
        rows.iter().map(|row| row.booking.0).collect(),
    )
}

/// Takes those of the seats that are free; gives what was taken. The primary key is the fence.
pub(crate) async fn take(connection: &AsyncPgConnection, wanted: &[SeatRow]) -> QueryResult<Vec<SeatRow>> {
    let (flights, seats, bookings) = columns(wanted);
    let sold = wanted.iter().map(|row| row.sold).collect();
    let rows: Vec<(Uuid, i16, Uuid, bool)> =
        TakeSeats { flights, seats, bookings, sold }.load(&mut &*connection).await?;
    let taken = |(flight, seat, booking, sold)| {
        let designator = SeatDesignator::from_number(seat)?;
        let seat = FlightSeat { flight_id: FlightId(flight), designator };
        Some(SeatRow { seat, booking: BookingId(booking), sold })
    };
    Ok(rows.into_iter().filter_map(taken).collect())
}

/// Gives seats back, held or sold.
pub(crate) async fn free(connection: &AsyncPgConnection, given: &[SeatRow]) -> QueryResult<()> {
    if given.is_empty() {
        return Ok(());
    }
    let (flights, seats, bookings) = columns(given);
    FreeSeats { flights, seats, bookings }.execute(&mut &*connection).await.map(drop)
}

/// Holds that have ended but whose seats or travellers stand in the way.
pub(crate) async fn stale_holders(
    connection: &AsyncPgConnection,
    wanted: &[SeatRow],
    travellers: &[TravellerRow],
) -> QueryResult<Vec<StaleHold>> {
    type Row = (Uuid, Uuid, Option<i16>, Option<Uuid>, Option<i64>);
    let (flights, seats, _) = columns(wanted);
    let query = StaleHolders {
        flights,
        seats,
        traveller_flights: travellers.iter().map(|row| row.flight.0).collect(),
        owners: travellers.iter().map(|row| row.owner.0).collect(),
        fingerprints: travellers.iter().map(|row| row.fingerprint).collect(),
    };
    let rows: Vec<Row> = query.load(&mut &*connection).await?;
    let read = |(booking, flight, seat, owner, fingerprint): Row| {
        let flight_id = FlightId(flight);
        let has = match seat {
            Some(number) => {
                Held::Seat(FlightSeat { flight_id, designator: SeatDesignator::from_number(number)? })
            }
            None => Held::Traveller(flight_id, UserId(owner?), fingerprint?),
        };
        Some(StaleHold { booking: BookingId(booking), has })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Draws the next version of the seats of flights that the caller has locked, and gives these seats as they
/// are told to the bus.
pub(crate) async fn next(connection: &AsyncPgConnection, ids: Vec<Uuid>) -> QueryResult<Vec<SeatsState>> {
    let rows: Vec<(Uuid, i64, Vec<i16>, Vec<i16>)> = Next { ids }.load(&mut &*connection).await?;
    let read = |numbers: &[i16]| {
        let mut seats: Vec<_> =
            numbers.iter().filter_map(|number| SeatDesignator::from_number(*number)).collect();
        seats.sort_unstable();
        seats
    };
    let state = |(flight, version, held, sold): (Uuid, i64, Vec<i16>, Vec<i16>)| SeatsState {
        flight_id: FlightId(flight),
        version,
        held: read(&held),
        sold: read(&sold),
    };
    Ok(rows.into_iter().map(state).collect())
}

/// How many live bookings are on a flight.
pub(crate) async fn live_bookings(connection: &AsyncPgConnection, id: FlightId) -> QueryResult<i64> {
    let (count,): (i64,) = LiveBookings { id: id.0 }.get_result(&mut &*connection).await?;
    Ok(count)
}
