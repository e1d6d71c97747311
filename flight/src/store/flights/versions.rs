//! The versions of flights and of their seats. An index compares its own with them.

use crate::domain::timetable::StoredVersion;
use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    sql_types::{BigInt, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::FlightId, statement};
use uuid::Uuid;

/// The place of a flight among all, by departure.
pub type DeparturePlace = (DateTime<Utc>, Uuid);

statement! {
    /// The next flights by departure, with the versions of their seats.
    VersionsBehind { departs_at: Timestamptz = DateTime<Utc>, id: SqlUuid = Uuid, limit: BigInt = i64 }
        -> (SqlUuid, BigInt, BigInt, Timestamptz),
    "SELECT flights.id, flights.version, coalesce(seats.version, 0), flights.departs_at
    FROM flights
    LEFT JOIN LATERAL (SELECT version FROM availability WHERE flight_id = flights.id OFFSET 0) AS seats ON true
    WHERE (flights.departs_at, flights.id) > ($, $)
    ORDER BY flights.departs_at, flights.id
    LIMIT $"
}

/// The versions of the next flights by departure, and the place of the last one. Without flights the end is reached.
///
/// # Errors
/// Those of the database.
pub async fn versions_behind(
    connection: &mut AsyncPgConnection,
    (departs_at, id): DeparturePlace,
    limit: i64,
) -> QueryResult<(Vec<StoredVersion>, Option<DeparturePlace>)> {
    let query = VersionsBehind { departs_at, id, limit };
    let rows: Vec<(Uuid, i64, i64, DateTime<Utc>)> = query.load(connection).await?;
    let last = rows.last().map(|(id, _, _, departs_at)| (*departs_at, *id));
    let stored =
        |(id, version, seats, _): (Uuid, i64, i64, _)| StoredVersion { flight: FlightId(id), version, seats };
    Ok((rows.into_iter().map(stored).collect(), last))
}
