//! `HoldReaper`: ends holds whose time is over, in batches, so that their seats come back and the bus
//! hears of it. (Whoever claims such a seat before does not wait for it: the ledger ends the hold.)

use super::ledger::{Command, Ledgers};
use crate::store;
use actix::prelude::*;
use diesel::QueryResult;
use futures_util::future::join_all;
use shared::db::{DbError, Pool};
use std::time::Duration;
use tokio::time::Instant;

/// Holds ended at once.
const BATCH: i64 = 256;
/// How often keys and failed look-ups that are too old are cleaned away.
const CLEAN: Duration = Duration::from_secs(600);
/// Rows cleaned away with one statement.
const ROWS: i64 = 1000;
/// Statements of a cleaning; what is left then is left for the next.
const ROUNDS: usize = 100;

/// See the module.
pub(crate) struct HoldReaper {
    pool: Pool,
    ledgers: Ledgers,
    interval: Duration,
    reaping: bool,
    clean_at: Instant,
}

impl HoldReaper {
    pub(crate) fn new(pool: Pool, ledgers: Ledgers, interval: Duration) -> Self {
        Self { pool, ledgers, interval, reaping: false, clean_at: Instant::now() + CLEAN }
    }

    fn reap(&mut self, ctx: &mut Context<Self>) {
        if self.pool.is_closed() {
            ctx.stop();
            return;
        }
        if self.reaping {
            return;
        }
        self.reaping = true;
        let clean = Instant::now() >= self.clean_at;
        if clean {
            self.clean_at = Instant::now() + CLEAN;
        }
        let (pool, ledgers) = (self.pool.clone(), self.ledgers.clone());
        let task = actix::spawn(async move {
            let reaped = reap(&pool, &ledgers).await;
            if clean && let Err(error) = clean_up(&pool).await {
                tracing::warn!(%error, "What is too old could not be cleaned away");
            }
            reaped
        });
        // Interleaves: a slow database only puts off the next look.
        ctx.spawn(task.into_actor(self).map(|reaped, reaper, _| {
            reaper.reaping = false;
            match reaped {
                Ok(Ok(0)) => {}
                Ok(Ok(count)) => tracing::debug!(holds.ended = count, "Holds have ended"),
                // The service stops; what is left is found again.
                Ok(Err(_)) if reaper.pool.is_closed() => {}
                Ok(Err(error)) => tracing::warn!(%error, "Holds could not be ended"),
                Err(error) => tracing::error!(%error, "Ending holds panicked"),
            }
        }));
    }
}

/// Ends all holds whose time is over.
async fn reap(pool: &Pool, ledgers: &Ledgers) -> Result<usize, DbError> {
    let mut count = 0;
    loop {
        let ended = {
            let connection = pool.get().await?;
            store::bookings::ended(&connection, BATCH).await?
        };
        let ending = ended
            .iter()
            .map(|(booking, flight)| ledgers.submit(*flight, Command::Expire { booking: *booking }));
        let failed = join_all(ending).await.into_iter().filter(Result::is_err).count();
        count += ended.len() - failed;
        // What failed is found again at the next look.
        if failed > 0 || ended.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(count);
        }
    }
}

async fn clean_up(pool: &Pool) -> Result<(), DbError> {
    let connection = pool.get().await?;
    in_rounds(async || store::keys::clean(&connection, ROWS).await).await?;
    in_rounds(async || store::lookup_failures::clean(&connection, ROWS).await).await?;
    in_rounds(async || store::letters_caused::clean(&connection, ROWS).await).await?;
    in_rounds(async || store::unverified_holds::clean(&connection, ROWS).await).await?;
    store::quotes::clean(&connection).await?;
    Ok(())
}

/// Cleans until nothing is left to be cleaned, or enough was done for now.
async fn in_rounds(clean: impl AsyncFn() -> QueryResult<usize>) -> QueryResult<()> {
    for _ in 0..ROUNDS {
        if clean().await? < usize::try_from(ROWS).unwrap_or(usize::MAX) {
            break;
        }
    }
    Ok(())
}

impl Actor for HoldReaper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(self.interval, Self::reap);
    }
}
