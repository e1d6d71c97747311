//! Tells flights anew after a change of reference data that they carry: the first ones in the transaction of the change, all
//! others in transactions of their own. The table `republications` says how far that is.
//!
//! Locks are taken in the order reference data, rows of `republications` by key, flights by id.

use super::{read::find_many, write::publish};
use crate::{
    domain::flight::Flight,
    store::{column, schema::republications},
};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::EventType,
    iata::{AircraftTypeCode, AirlineCode, AirportCode, CityCode},
    ids::FlightId,
};
use uuid::Uuid;

/// A piece of reference data that flights carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// The city of one of its airports.
    City(CityCode),
    /// Its origin or destination.
    Airport(AirportCode),
    /// Who flies it.
    Airline(AirlineCode),
    /// The type of its airplane.
    AircraftType(AircraftTypeCode),
}

impl Naming {
    /// Its kind and its key, as they are stored.
    fn stored(&self) -> (&'static str, &str) {
        match self {
            Self::City(code) => ("city", code.as_str()),
            Self::Airport(code) => ("airport", code.as_str()),
            Self::Airline(code) => ("airline", code.as_str()),
            Self::AircraftType(code) => ("aircraft_type", code.as_str()),
        }
    }
}

/// The condition on `flights`, with the keys of a kind as `$1`.
fn condition(kind: &str) -> &'static str {
    match kind {
        "city" => {
            "(origin IN (SELECT iata FROM airports WHERE city = ANY($1)) \
             OR destination IN (SELECT iata FROM airports WHERE city = ANY($1)))"
        }
        "airport" => "(origin = ANY($1) OR destination = ANY($1))",
        "airline" => "airline = ANY($1)",
        // The check of the table allows no other kind.
        _ => "seat_layout_id IN (SELECT id FROM seat_layouts WHERE aircraft_type = ANY($1))",
    }
}

/// Flights that are told in one transaction.
const TOLD_AT_ONCE: usize = 500;

/// Pieces of reference data whose flights are told together.
const TOLD_TOGETHER: i64 = 500;

/// Tells anew of the flights that have not arrived and carry one of these pieces of reference data, which are all of one kind,
/// after they were changed in the same transaction: each flight gets a new version and a `flight.changed` event. Gives those that
/// were told: 500 at most. [`republish_next`] tells all others.
///
/// # Errors
/// Those of the database.
pub async fn republish(connection: &mut AsyncPgConnection, namings: &[Naming]) -> QueryResult<Vec<Flight>> {
    let Some((kind, _)) = namings.first().map(Naming::stored) else { return Ok(Vec::new()) };
    debug_assert!(namings.iter().all(|naming| naming.stored().0 == kind), "one kind");
    let keys = column(namings, |naming| naming.stored().1);
    // Before any flight is locked. What was being told of them begins anew.
    diesel::sql_query(
        "INSERT INTO republications (kind, key) SELECT DISTINCT $1, key FROM unnest($2) AS changed (key) ORDER BY key \
         ON CONFLICT (kind, key) DO UPDATE SET reached = NULL",
    )
    .bind::<Text, _>(kind)
    .bind::<Array<Text>, _>(&keys)
    .execute(connection)
    .await?;
    tell(connection, (kind, &keys), None).await
}

/// Tells the next flights of reference data that were changed; gives how many, and `None` where there are none to tell, or another
/// instance tells them. The caller opens the transaction.
///
/// # Errors
/// Those of the database.
pub async fn republish_next(connection: &mut AsyncPgConnection) -> QueryResult<Option<usize>> {
    let first: Option<(String, Option<Uuid>)> = republications::table
        .order((republications::kind, republications::key))
        .select((republications::kind, republications::reached))
        .for_update()
        .skip_locked()
        .first(connection)
        .await
        .optional()?;
    let Some((kind, reached)) = first else { return Ok(None) };
    // A file changes many at once. A flight that carries two of them is told once.
    let keys: Vec<String> = republications::table
        .filter(republications::kind.eq(&kind).and(republications::reached.is_not_distinct_from(reached)))
        .order(republications::key)
        .limit(TOLD_TOGETHER)
        .select(republications::key)
        .for_update()
        .skip_locked()
        .load(connection)
        .await?;
    let keys = column(&keys, String::as_str);
    Ok(Some(tell(connection, (&kind, &keys), reached).await?.len()))
}

/// Tells the flights behind this one, and notes how far that is. The rows of the keys must be locked.
async fn tell(
    connection: &mut AsyncPgConnection,
    (kind, keys): (&str, &[&str]),
    reached: Option<Uuid>,
) -> QueryResult<Vec<Flight>> {
    let ids = renew_versions(connection, (kind, keys), reached).await?;
    let told = find_many(connection, &ids).await?;
    publish(connection, EventType::FlightChanged, &told).await?;
    let rows =
        republications::table.filter(republications::kind.eq(kind).and(republications::key.eq_any(keys)));
    match ids.iter().max() {
        Some(last) if ids.len() == TOLD_AT_ONCE => {
            diesel::update(rows).set(republications::reached.eq(last.0)).execute(connection).await?
        }
        _ => diesel::delete(rows).execute(connection).await?,
    };
    Ok(told)
}

#[derive(QueryableByName)]
struct RenewedFlight {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Gives the next flights that carry these a new version each.
async fn renew_versions(
    connection: &mut AsyncPgConnection,
    (kind, keys): (&str, &[&str]),
    reached: Option<Uuid>,
) -> QueryResult<Vec<FlightId>> {
    // Locked in the order of ids, as every writer of several flights does. Materialised: a plan that ran the query twice would
    // renew more than it says.
    let statement = format!(
        "WITH next AS MATERIALIZED (\
             SELECT id FROM flights WHERE arrives_at > now() AND ($2 IS NULL OR id > $2) AND {} \
             ORDER BY id LIMIT $3 FOR UPDATE\
         ) UPDATE flights SET version = version + 1 FROM next WHERE flights.id = next.id RETURNING flights.id",
        condition(kind)
    );
    let keys: Vec<RenewedFlight> = diesel::sql_query(statement)
        .bind::<Array<Text>, _>(keys)
        .bind::<Nullable<SqlUuid>, _>(reached)
        .bind::<BigInt, _>(TOLD_AT_ONCE as i64)
        .get_results(connection)
        .await?;
    Ok(keys.into_iter().map(|key| key.id.into()).collect())
}
