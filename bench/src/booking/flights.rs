//! Flights on sale, stored by SQL: as many as nobody wants to publish one by one.

use super::workload::{self, Layout};
use crate::cluster::ServiceDatabase;
use diesel::sql_types::{Array, Text};
use diesel_async::RunQueryDsl;
use shared::ids::FlightId;

/// Flights in one statement.
const AT_ONCE: usize = 10_000;

/// `$1` is the state of any flight, whose id is replaced; `$2` are the ids.
const STORE: &str = "
WITH chosen AS (SELECT unnest($2)::uuid AS id), stored AS (
    INSERT INTO flights (id, version, departure_at, on_sale, seats_version)
    SELECT id, 1, ($1::jsonb #>> '{departure,at}')::timestamptz, true, 0 FROM chosen
)
INSERT INTO flight_states (flight_id, version, state)
SELECT id, 1, $1::jsonb || jsonb_build_object('id', id) FROM chosen";

/// Stores so many flights on sale.
///
/// # Errors
/// Those of the database.
pub async fn store(
    database: &ServiceDatabase,
    count: usize,
    layout: Layout,
) -> anyhow::Result<Vec<FlightId>> {
    let state = serde_json::to_string(&workload::flight(layout)?)?;
    let ids: Vec<FlightId> = (0..count).map(|_| FlightId::new()).collect();
    let mut connection = database.connect().await?;
    for ids in ids.chunks(AT_ONCE) {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let store = diesel::sql_query(STORE).bind::<Text, _>(&state).bind::<Array<Text>, _>(ids);
        store.execute(&mut connection).await?;
    }
    database.analyze().await?;
    Ok(ids)
}
