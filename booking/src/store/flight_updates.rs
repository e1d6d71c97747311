//! New states of flights: what they change for bookings is written in the same transaction.

use super::{disruptions, equipment, flights};
use booking_engine::booking::disruption::{self, PendingDisruption};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use serde_json::Value;
use shared::{
    events::{FlightState, FlightStatus, SeatsState},
    ids::FlightId,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Stores states of flights, one a flight at most. The newest version wins. A change that concerns booked passengers is
/// stored as a disruption as well. Passengers whose seats a new plan does not have get others at once: gives the seats of
/// their flights. For use in a transaction.
///
/// # Errors
/// Those of the database; [`QueryBuilderError`](diesel::result::Error::QueryBuilderError) if a new plan has too few seats.
pub(crate) async fn store(
    connection: &AsyncPgConnection,
    states: &[(FlightState, Value)],
) -> QueryResult<Vec<SeatsState>> {
    // In the order in which every writer locks flights.
    let by_id: BTreeMap<Uuid, &(FlightState, Value)> = states.iter().map(|one| (one.0.id.0, one)).collect();
    debug_assert_eq!(by_id.len(), states.len(), "one state a flight");
    let ids: Vec<Uuid> = by_id.keys().copied().collect();
    let affected = equipment::affected(connection, by_id.values().copied()).await?;
    // Locked, so that no other state comes between what is compared and what is written.
    let to_lock = ids.iter().copied().map(FlightId);
    let locked = match affected.is_empty() {
        true => flights::lock(connection, to_lock).await?,
        false => flights::lock_with(connection, to_lock, affected.clone()).await?,
    };
    let mut seats = Vec::new();
    for before in flights::states(connection, &ids).await? {
        let Some((after, _)) = by_id.get(&before.id.0).filter(|(after, _)| after.version > before.version)
        else {
            continue;
        };
        if let Some(kind) = disruption::of_change(&before, after) {
            let change = PendingDisruption { flight: after.id, version: after.version, kind };
            disruptions::record(connection, change).await?;
        }
        // The bookings of a cancelled flight need no seats.
        if before.seat_plan != after.seat_plan && after.status != FlightStatus::Cancelled {
            seats.extend(equipment::follow(connection, (&locked, &affected), after).await?);
        }
    }
    flights::write_states(connection, by_id.values().copied()).await?;
    Ok(seats)
}
