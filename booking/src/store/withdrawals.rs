//! What the flight service asks before it cancels a flight or gives it another airplane: what that would mean for the
//! bookings, and that nothing of the flight is sold until the change comes.

use super::{bookings, disruptions, flight_updates, flights, presented, schema::flights as flights_table};
use booking_engine::{
    booking::{flight_impact::FlightImpact, record::Booking},
    inventory::reseating::{CabinTooSmall, SeatMove, SeatedParty, reseat},
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
/// comes late, does not open the flight again. Only a newer version does, or [`reopen`]. For use in a transaction.
///
/// With a `plan` it does so only if all passengers find seats there. That stays so until the flight is opened: without
/// sales passengers only leave.
pub(crate) async fn withdraw(
    connection: &AsyncPgConnection,
    state: &(FlightState, Value),
    plan: Option<&SeatPlan>,
) -> QueryResult<WithdrawalOutcome> {
    let (id, version) = (state.0.id, state.0.version);
    let seats = flight_updates::store(connection, std::slice::from_ref(state)).await?;
    let Some(locked) = flights::lock(connection, [id]).await?.remove(&id) else {
        return Ok(WithdrawalOutcome::Stale);
    };
    if locked.version > version {
        return Ok(WithdrawalOutcome::Stale);
    }
    if let Some(plan) = plan {
        let (bookings, _) = on_flight(connection, id).await?;
        if let Err(cabin) = moves(&bookings, id, plan) {
            return Ok(WithdrawalOutcome::TooSmall(cabin));
        }
    }
    if locked.on_sale {
        set_on_sale(connection, (id, version), false).await?;
    }
    Ok(WithdrawalOutcome::Withdrawn { was_on_sale: locked.on_sale, seats })
}

/// Puts a flight on sale again that was withdrawn in this version and has not changed since.
pub(crate) async fn reopen(connection: &AsyncPgConnection, flight: (FlightId, i64)) -> QueryResult<()> {
    set_on_sale(connection, flight, true).await
}

async fn set_on_sale(
    connection: &AsyncPgConnection,
    (id, version): (FlightId, i64),
    on_sale: bool,
) -> QueryResult<()> {
    let flight = flights_table::table.find(id.0).filter(flights_table::version.eq(version));
    let set = diesel::update(flight).set(flights_table::on_sale.eq(on_sale));
    set.execute(&mut &*connection).await.map(drop)
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
