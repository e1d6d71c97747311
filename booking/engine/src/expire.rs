//! The sweep of holds that have ended. It expires them in batches, so that seats come free and events are published.
//! A claim of such a seat does not wait for the sweep: the ledger expires the hold before the claim.

use crate::{
    ledger::command::Command,
    ports::{LedgerQueue, SubmitTerms},
    store_error::StoreResult,
};
use futures_util::future::join_all;
use shared_types::ids::{BookingId, FlightId};
use std::time::Instant;

/// The dependencies of the sweep.
#[expect(async_fn_in_trait, reason = "holds are expired on one thread")]
pub trait ExpireDeps {
    /// The ledgers.
    type Ledger: LedgerQueue;

    /// The ledgers.
    fn ledger(&self) -> &Self::Ledger;

    /// The deadline of a command that is submitted now.
    fn deadline(&self) -> Instant;

    /// At most `limit` holds that have ended, each with the lowest flight of its booking.
    ///
    /// # Errors
    /// Those of the store.
    async fn ended_holds(&self, limit: usize) -> StoreResult<Vec<(BookingId, FlightId)>>;
}

/// Expires all holds that have ended, `batch` at a time. Gives their number.
///
/// # Errors
/// Those of the store. The next sweep finds the remaining holds.
pub async fn expire_holds(deps: &impl ExpireDeps, batch: usize) -> StoreResult<usize> {
    let mut count = 0;
    loop {
        let ended = deps.ended_holds(batch).await?;
        let expiring = ended.iter().map(|(booking, flight)| {
            deps.ledger().submit(
                *flight,
                Command::Expire { booking: *booking },
                SubmitTerms::by(deps.deadline()),
            )
        });
        let failed = join_all(expiring).await.into_iter().filter(Result::is_err).count();
        count += ended.len() - failed;
        // The next sweep finds the holds that failed.
        if failed > 0 || ended.len() < batch {
            return Ok(count);
        }
    }
}
