//! Disruptions: the airline's changes of flights that bookings have yet to follow.

use super::{codes::StoredCode, schema::disruptions};
use booking_engine::booking::disruption::{Disruption, PendingDisruption};
use diesel::{
    prelude::*,
    sql_types::{BigInt, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{BookingId, FlightId},
    statement,
};
use uuid::Uuid;

statement! {
    /// The newest change of a flight is what its bookings have to follow.
    Record { flight: SqlUuid = Uuid, version: BigInt = i64, kind: SmallInt = i16 } -> (),
    "INSERT INTO disruptions (flight_id, version, kind) VALUES ($, $, $) ON CONFLICT (flight_id) DO UPDATE SET version = excluded.version, kind = excluded.kind WHERE disruptions.version < excluded.version"
}

statement! {
    /// The bookings with seats on a flight.
    BookingsOn { flight: SqlUuid = Uuid } -> (SqlUuid,),
    "SELECT DISTINCT booking_id FROM seats WHERE flight_id = $"
}

/// Stores a change.
pub(crate) async fn record(connection: &AsyncPgConnection, change: PendingDisruption) -> QueryResult<()> {
    let query = Record { flight: change.flight.0, version: change.version, kind: change.kind.code() };
    query.execute(&mut &*connection).await.map(drop)
}

/// The next changes that bookings have yet to follow, by flight: `limit` at most, of flights after `after`.
pub(crate) async fn pending(
    connection: &AsyncPgConnection,
    after: Option<FlightId>,
    limit: i64,
) -> QueryResult<Vec<PendingDisruption>> {
    let after = after.map_or(Uuid::nil(), |flight| flight.0);
    let query = disruptions::table.filter(disruptions::flight_id.gt(after)).order(disruptions::flight_id);
    let rows: Vec<(Uuid, i64, i16)> = query.limit(limit).load(&mut &*connection).await?;
    rows.into_iter()
        .map(|(flight, version, kind)| {
            let kind = Disruption::of_code(kind)
                .map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
            Ok(PendingDisruption { flight: FlightId(flight), version, kind })
        })
        .collect()
}

/// The live bookings on a flight.
pub(crate) async fn bookings_on(
    connection: &AsyncPgConnection,
    flight: FlightId,
) -> QueryResult<Vec<BookingId>> {
    let rows: Vec<(Uuid,)> = BookingsOn { flight: flight.0 }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(id,)| BookingId(id)).collect())
}

/// All bookings have followed a change; unless a newer one has come meanwhile, it is done.
pub(crate) async fn done(connection: &AsyncPgConnection, change: PendingDisruption) -> QueryResult<()> {
    let row = disruptions::table.find(change.flight.0).filter(disruptions::version.eq(change.version));
    diesel::delete(row).execute(&mut &*connection).await.map(drop)
}
