//! Replays a recorded run on PostgreSQL.

use crate::{
    ground::Sabotage,
    replay::{
        postgres_lines::postgres_lines,
        replay_stage::{ReplayStage, failed},
    },
    run::SimulationRun,
    trace::table_lines,
};
use booking_engine::store_error::{StoreError, StoreFault, StoreResult};
use shared::db::DatabaseConfig;

/// What a superuser does to the database beforehand: the clock, and instants as numbers.
pub const CLOCK: [&str; 4] = [
    "CREATE SCHEMA clock",
    "CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT current_setting('simulation.now')::timestamptz $$",
    "CREATE FUNCTION clock.us(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN isfinite(at) THEN (extract(epoch FROM at) * 1000000)::bigint::text ELSE '-' END $$",
    "GRANT USAGE ON SCHEMA clock TO PUBLIC",
];

/// What a replay has shown.
#[derive(Debug)]
pub struct ReplayReport {
    /// Transactions that were carried out.
    pub batches: usize,
    /// Rows at the end.
    pub rows: usize,
    /// Where PostgreSQL did otherwise than the model, the first first.
    pub differences: Vec<String>,
    /// Seats that more than one live booking had in PostgreSQL, after the commit with the most.
    pub seats_sold_twice: i64,
}

/// Does what a recorded run did, with a promise that may be broken. Once: the recording is used up.
///
/// # Errors
/// Those of the database where nothing can go on.
pub async fn replay(
    run: &SimulationRun,
    database: &DatabaseConfig,
    sabotage: Sabotage,
) -> StoreResult<ReplayReport> {
    let Some(trace) = run.world.trace.as_ref().map(std::cell::RefCell::take) else {
        return Err(StoreError::new(StoreFault::Other, "the run was not recorded, or was replayed before"));
    };
    let mut stage = ReplayStage::open(database, sabotage).await?;
    for operation in &trace.operations {
        stage.carry_out(&trace, operation).await?;
    }
    let claimed = run.world.claimed.borrow().clone();
    let expected = table_lines(&run.world.database.borrow().rows, &claimed);
    let found = postgres_lines(&mut stage.free, &claimed).await.map_err(failed)?;
    for (table, lines) in &expected {
        let theirs = found.iter().find(|(other, _)| other == table).map_or(&[][..], |(_, lines)| lines);
        stage.compare(&format!("the rows of {table}"), lines, theirs);
    }
    stage.compare_events(&trace).await?;
    Ok(ReplayReport {
        batches: stage.batches,
        rows: expected.iter().map(|(_, lines)| lines.len()).sum(),
        seats_sold_twice: stage.seats_sold_twice,
        differences: stage.differences,
    })
}
