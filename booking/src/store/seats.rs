//! The taken seats of flights, each with its booking. The unique constraint (flight_id, seat) keeps a seat from being
//! sold twice.

use booking_engine::{
    booking::refusal::FlightSeat,
    ledger::rows::{Blocked, SeatRow, StaleHold, TravellerRow},
};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::SeatsState,
    ids::{BookingId, FlightId, UserId},
    seat::SeatDesignator,
    statement,
};
use std::collections::BTreeMap;
use uuid::Uuid;

statement! {
    /// Releases the seats that belong to the booking.
    FreeSeats {
        flights: Array<SqlUuid> = Vec<Uuid>,
        seats: Array<SmallInt> = Vec<i16>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
    } -> (),
    "DELETE FROM seats USING unnest($, $, $) AS given (f, s, b) WHERE flight_id = f AND seat = s AND booking_id = b"
}

statement! {
    /// Ended holds that still block a claim, each with the seats or passenger keys that block it.
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
    /// The seats of flights that are not free.
    Taken { ids: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SmallInt, Bool),
    "SELECT flight_id, seat, sold FROM seats WHERE flight_id = ANY($)"
}

statement! {
    /// How many bookings have seats of a flight. Holds that have ended do not count.
    LiveBookings { id: SqlUuid = Uuid } -> (BigInt,),
    "SELECT count(DISTINCT b.id) FROM seats s CROSS JOIN LATERAL (SELECT id, status, payment_status, hold_expires_at FROM bookings WHERE id = s.booking_id OFFSET 0) AS b WHERE s.flight_id = $ AND (b.status = 1 OR b.payment_status = 1 OR b.hold_expires_at > clock_timestamp())"
}

/// Flights, seats and bookings as columns.
pub(super) fn columns(rows: &[SeatRow]) -> (Vec<Uuid>, Vec<i16>, Vec<Uuid>) {
    (
        rows.iter().map(|row| row.seat.flight_id.0).collect(),
        rows.iter().map(|row| row.seat.designator.to_number()).collect(),
        rows.iter().map(|row| row.booking.0).collect(),
    )
}

/// Releases seats, held or sold.
pub(crate) async fn free(connection: &AsyncPgConnection, given: &[SeatRow]) -> QueryResult<()> {
    if given.is_empty() {
        return Ok(());
    }
    let (flights, seats, bookings) = columns(given);
    FreeSeats { flights, seats, bookings }.execute(&mut &*connection).await.map(drop)
}

/// Ended holds whose seats or passenger keys still block claims.
pub(crate) async fn stale_holds(
    connection: &AsyncPgConnection,
    wanted: &[SeatRow],
    travellers: &[TravellerRow],
) -> QueryResult<Vec<StaleHold>> {
    type LockedSeatRow = (Uuid, Uuid, Option<i16>, Option<Uuid>, Option<i64>);
    let (flights, seats, _) = columns(wanted);
    let query = StaleHolders {
        flights,
        seats,
        traveller_flights: travellers.iter().map(|row| row.flight.0).collect(),
        owners: travellers.iter().map(|row| row.owner.0).collect(),
        fingerprints: travellers.iter().map(|row| row.fingerprint).collect(),
    };
    let rows: Vec<LockedSeatRow> = query.load(&mut &*connection).await?;
    let read = |(booking, flight, seat, owner, fingerprint): LockedSeatRow| {
        let flight_id = FlightId(flight);
        let has = match seat {
            Some(number) => {
                Blocked::Seat(FlightSeat { flight_id, designator: SeatDesignator::from_number(number)? })
            }
            None => Blocked::Passenger((flight_id, UserId(owner?), fingerprint?)),
        };
        Some(StaleHold { booking: BookingId(booking), has })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// A seat that is not free, of a flight, and whether it is sold.
pub(super) type TakenRow = (Uuid, i16, bool);

/// The seats of flights that are not free, each flight with its version.
pub(crate) async fn taken(
    connection: &AsyncPgConnection,
    flights: &[(FlightId, i64)],
) -> QueryResult<BTreeMap<FlightId, SeatsState>> {
    if flights.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = Taken { ids: flights.iter().map(|(id, _)| id.0).collect() };
    let rows: Vec<TakenRow> = query.load(&mut &*connection).await?;
    Ok(states(flights.iter().copied(), rows))
}

/// Seats that are not free as the states of their flights, each of which has a version.
pub(super) fn states(
    flights: impl Iterator<Item = (FlightId, i64)>,
    rows: Vec<TakenRow>,
) -> BTreeMap<FlightId, SeatsState> {
    let empty = |(flight_id, version)| {
        (flight_id, SeatsState { flight_id, version, held: Vec::new(), sold: Vec::new() })
    };
    let mut states: BTreeMap<FlightId, SeatsState> = flights.map(empty).collect();
    for (flight, number, sold) in rows {
        let seat = SeatDesignator::from_number(number);
        if let (Some(state), Some(seat)) = (states.get_mut(&FlightId(flight)), seat) {
            if sold { state.sold.push(seat) } else { state.held.push(seat) }
        }
    }
    for state in states.values_mut() {
        state.held.sort_unstable();
        state.sold.sort_unstable();
    }
    states
}

/// How many live bookings are on a flight.
pub(crate) async fn live_bookings(connection: &AsyncPgConnection, id: FlightId) -> QueryResult<i64> {
    let (count,): (i64,) = LiveBookings { id: id.0 }.get_result(&mut &*connection).await?;
    Ok(count)
}
