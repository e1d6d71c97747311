//! What the flight service asks before it cancels a flight, gives it another airplane or deletes it: the impact on the
//! bookings, and that nothing of the flight is sold until the change comes.

use super::{
    bookings, disruptions, flight_updates, flights, presented, schema::flights as flights_table,
    seats::live_bookings,
};
use booking_engine::{
    booking::{flight_impact::FlightImpact, record::Booking},
    inventory::reseating::{CabinTooSmall, SeatMove, SeatedParty, reseat},
    ledger::rows::LockedFlight,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::{
    events::{FlightState, SeatsState},
    ids::FlightId,
    seat::SeatPlan,
};
use uuid::Uuid;

/// What a change would mean for the bookings of a flight.
#[derive(Debug)]
pub(crate) struct AssessedImpact {
    /// The counts.
    pub(crate) impact: FlightImpact,
    /// The moves to other seats, where other seats were asked about.
    pub(crate) moves: Result<Vec<SeatMove>, CabinTooSmall>,
}

/// The outcome of a withdrawal.
#[derive(Debug)]
pub(crate) enum WithdrawalOutcome {
    /// Nothing is sold any more.
    Withdrawn {
        /// Whether it was on sale before.
        was_on_sale: bool,
        /// The seats of the flight, where storing its state has moved anybody.
        seats: Vec<SeatsState>,
    },
    /// Booking knows a newer version of the flight. Nothing is changed.
    Stale,
    /// The plan has too few seats. Nothing is changed but the stored state.
    TooSmall(CabinTooSmall),
}

/// The outcome of a closing before a deletion.
#[derive(Debug)]
pub(crate) enum ClosingOutcome {
    /// Nothing is sold any more.
    Closed {
        /// The seats of the flight, where storing its state has moved anybody.
        seats: Vec<SeatsState>,
    },
    /// So many live bookings are on it. Nothing is changed but the stored state.
    Booked(i64),
    /// Booking knows a newer version of the flight. Nothing is changed.
    Stale,
}

/// Assesses a change, with other seats if `plan` is given.
pub(crate) async fn assess(
    connection: &AsyncPgConnection,
    flight: FlightId,
    plan: Option<&SeatPlan>,
) -> QueryResult<AssessedImpact> {
    let (bookings, now) = on_flight(connection, flight).await?;
    let moves = plan.map_or_else(|| Ok(Vec::new()), |plan| moves(&bookings, flight, plan));
    Ok(AssessedImpact { impact: FlightImpact::of(&bookings, now), moves })
}

/// Takes a flight off sale, its bookings stay. Stores the state that the flight service has: what was told before, and
/// comes late, does not open the flight again. Only a newer version does. For use in a transaction.
///
/// With a `plan` it does so only if all passengers find seats there. That stays so until the flight is opened: without
/// sales passengers only leave.
pub(crate) async fn withdraw(
    connection: &AsyncPgConnection,
    state: &(FlightState, Value),
    plan: Option<&SeatPlan>,
) -> QueryResult<WithdrawalOutcome> {
    let id = state.0.id;
    let Some((locked, seats)) = store_and_lock(connection, state).await? else {
        return Ok(WithdrawalOutcome::Stale);
    };
    if let Some(plan) = plan {
        let (bookings, _) = on_flight(connection, id).await?;
        if let Err(cabin) = moves(&bookings, id, plan) {
            return Ok(WithdrawalOutcome::TooSmall(cabin));
        }
    }
    take_off_sale(connection, id).await?;
    Ok(WithdrawalOutcome::Withdrawn { was_on_sale: locked.on_sale, seats })
}

/// Takes a flight off sale as [`withdraw`] does, unless live bookings are on it. For use in a transaction: it locks the
/// flight, so no claim comes between the count and the closing.
pub(crate) async fn close(
    connection: &AsyncPgConnection,
    state: &(FlightState, Value),
) -> QueryResult<ClosingOutcome> {
    let id = state.0.id;
    let Some((_, seats)) = store_and_lock(connection, state).await? else {
        return Ok(ClosingOutcome::Stale);
    };
    match live_bookings(connection, id).await? {
        0 => {
            take_off_sale(connection, id).await?;
            Ok(ClosingOutcome::Closed { seats })
        }
        live => Ok(ClosingOutcome::Booked(live)),
    }
}

/// Stores the state of a flight and locks the flight; nothing where a newer version is known.
async fn store_and_lock(
    connection: &AsyncPgConnection,
    state: &(FlightState, Value),
) -> QueryResult<Option<(LockedFlight, Vec<SeatsState>)>> {
    let (id, version) = (state.0.id, state.0.version);
    let seats = flight_updates::store(connection, std::slice::from_ref(state)).await?;
    let locked = flights::lock(connection, [id]).await?.remove(&id);
    Ok(locked.filter(|locked| locked.version <= version).map(|locked| (locked, seats)))
}

async fn take_off_sale(connection: &AsyncPgConnection, id: FlightId) -> QueryResult<()> {
    let flight = flights_table::table.find(id.0).filter(flights_table::on_sale);
    diesel::update(flight).set(flights_table::on_sale.eq(false)).execute(&mut &*connection).await.map(drop)
}

/// The bookings with seats on a flight, and the database's clock.
async fn on_flight(
    connection: &AsyncPgConnection,
    flight: FlightId,
) -> QueryResult<(Vec<Booking>, DateTime<Utc>)> {
    let ids = disruptions::bookings_on(connection, flight).await?;
    let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
    let bookings = bookings::load(connection, &ids).await?;
    Ok((bookings, presented::now(connection).await?))
}

fn moves(bookings: &[Booking], flight: FlightId, plan: &SeatPlan) -> Result<Vec<SeatMove>, CabinTooSmall> {
    let parties: Vec<_> = bookings.iter().filter_map(|booking| SeatedParty::of(booking, flight)).collect();
    reseat(&parties, plan)
}
