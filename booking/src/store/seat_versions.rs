//! The seats of flights with their versions, for another service that compares its own with them.

use super::seats;
use diesel::{
    QueryResult,
    sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{events::SeatsState, ids::FlightId, statement};
use std::collections::BTreeMap;
use uuid::Uuid;

statement! {
    /// Flights ahead whose seats have changed at least once, by id.
    VersionsBehind { after: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid, BigInt),
    "SELECT id, seats_version FROM flights WHERE id > $ AND seats_version > 0 AND departure_at > now() ORDER BY id LIMIT $"
}

statement! {
    /// Seats and versions of flights in one snapshot.
    SeatsOfFlights { ids: Array<SqlUuid> = Vec<Uuid> }
        -> (SqlUuid, BigInt, Nullable<SmallInt>, Nullable<Bool>),
    "SELECT flights.id, flights.seats_version, seats.seat, seats.sold FROM flights LEFT JOIN seats ON seats.flight_id = flights.id WHERE flights.id = ANY($)"
}

/// The seat versions of flights ahead that have any, by id, from behind one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn behind(
    connection: &mut AsyncPgConnection,
    after: FlightId,
    limit: i64,
) -> QueryResult<Vec<(FlightId, i64)>> {
    let rows: Vec<(Uuid, i64)> = VersionsBehind { after: after.0, limit }.load(connection).await?;
    Ok(rows.into_iter().map(|(flight, version)| (FlightId(flight), version)).collect())
}

/// The seats of those of these flights that there are, by id.
///
/// # Errors
/// Those of the database.
pub(crate) async fn states(
    connection: &mut AsyncPgConnection,
    flights: &[FlightId],
) -> QueryResult<Vec<SeatsState>> {
    let query = SeatsOfFlights { ids: flights.iter().map(|flight| flight.0).collect() };
    let rows: Vec<(Uuid, i64, Option<i16>, Option<bool>)> = query.load(connection).await?;
    let versions: BTreeMap<FlightId, i64> =
        rows.iter().map(|(flight, version, ..)| (FlightId(*flight), *version)).collect();
    let taken = rows.into_iter().filter_map(|(flight, _, seat, sold)| Some((flight, seat?, sold?)));
    Ok(seats::states(versions.into_iter(), taken.collect()).into_values().collect())
}
