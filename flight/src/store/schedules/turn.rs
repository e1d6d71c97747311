//! Whose turn it is to generate flights: one keeper of a schema at a time, by an advisory lock of the transaction.
//!
//! The lock is all that keepers of several instances know of each other. It goes with its transaction, also where the
//! keeper or its connection dies, and a keeper that does not get it stands by.

use diesel::{QueryResult, sql_types::Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(diesel::QueryableByName)]
struct Turn {
    #[diesel(sql_type = Bool)]
    taken: bool,
}

/// Takes the turn until the transaction ends; false where another keeper has it.
///
/// # Errors
/// Those of the database.
pub async fn try_turn(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    // The number is arbitrary but fixed.
    let turn: Turn =
        diesel::sql_query("SELECT pg_try_advisory_xact_lock(4719, hashtext(current_schema())) AS taken")
            .get_result(connection)
            .await?;
    Ok(turn.taken)
}
