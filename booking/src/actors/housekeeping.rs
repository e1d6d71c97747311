//! Housekeeping: removes rows that are too old to be of use, such as idempotency keys and counters of limits.

use crate::store::{confirmation_requests, keys, letters_caused, lookup_failures, quotes, unverified_holds};
use diesel::QueryResult;
use shared::{
    db::{DbError, Pool},
    ticker::Ticker,
};
use std::time::Duration;

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(600);
/// Rows removed with one statement.
const ROWS: i64 = 1000;
/// Statements for each table in a round; what is left then is left for the next round.
const STATEMENTS: usize = 100;

/// Starts it on the present arbiter; it ends when the pool is closed.
pub(crate) fn start(pool: Pool) {
    let of_end = pool.clone();
    let work = async move || {
        if let Err(error) = clean_up(&pool).await
            && !pool.is_closed()
        {
            tracing::warn!(%error, "Rows that are too old could not be removed");
        }
    };
    Ticker::start("housekeeping", INTERVAL, move || of_end.is_closed(), work);
}

async fn clean_up(pool: &Pool) -> Result<(), DbError> {
    let connection = pool.get().await?;
    repeat(async || keys::clean(&connection, ROWS).await).await?;
    repeat(async || lookup_failures::clean(&connection, ROWS).await).await?;
    repeat(async || letters_caused::clean(&connection, ROWS).await).await?;
    repeat(async || confirmation_requests::clean(&connection, ROWS).await).await?;
    repeat(async || unverified_holds::clean(&connection, ROWS).await).await?;
    quotes::clean(&connection).await?;
    Ok(())
}

/// Cleans until nothing is left to be removed, or enough was done for now.
async fn repeat(clean: impl AsyncFn() -> QueryResult<usize>) -> QueryResult<()> {
    for _ in 0..STATEMENTS {
        if clean().await? < usize::try_from(ROWS).unwrap_or(usize::MAX) {
            break;
        }
    }
    Ok(())
}
