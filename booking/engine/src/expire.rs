//! Expires holds whose time is over, in batches, so that their seats come free and the bus hears of it. (A claim of such a
//! seat does not wait for it: the ledger expires the hold first.)

use crate::{
    ledger::command::Command,
    ports::{LedgerQueue, SubmitTerms},
    store_error::StoreResult,
};
use futures_util::future::join_all;
use shared_types::ids::{BookingId, FlightId};
use std::time::Instant;

/// What expiring needs of the world around it.
#[expect(async_fn_in_trait, reason = "holds are expired on one thread")]
pub trait ExpireDeps {
    /// The ledgers.
    type Ledger: LedgerQueue;

    /// The ledgers.
    fn ledger(&self) -> &Self::Ledger;

    /// Until when a command may begin that is submitted now.
    fn deadline(&self) -> Instant;

    /// Holds whose time is over, each with the lowest flight of its booking, so many at most.
    async fn ended_holds(&self, limit: usize) -> StoreResult<Vec<(BookingId, FlightId)>>;
}

/// Expires all holds whose time is over, so many at once; gives how many it were.
///
/// # Errors
/// Those of the store; what is left is found again.
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
        // What failed is found again at the next look.
        if failed > 0 || ended.len() < batch {
            return Ok(count);
        }
    }
}
