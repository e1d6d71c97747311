//! Bookings follow the airline's changes of their flights.
//!
//! The disruption is stored with the flight's new state, and deleted when all bookings have followed it. Each step can
//! be repeated without effect. So any number of instances may work on one disruption, and another instance completes
//! the work of one that has died.

use crate::{
    booking::disruption::{Disruption, PendingDisruption},
    ledger::command::Command,
    ports::{LedgerQueue, SubmitTerms},
    store_error::StoreResult,
};
use futures_util::{StreamExt, stream};
use shared_types::ids::{BookingId, FlightId};
use std::time::Instant;

/// The number of disruptions that are read at once.
pub const CHANGES: usize = 64;
/// The number of bookings that follow at the same time: they share the ledger's transactions.
const CONCURRENCY: usize = 64;

/// The stored disruptions that bookings have yet to follow.
#[expect(async_fn_in_trait, reason = "disruptions are followed on one thread")]
pub trait DisruptionStore {
    /// At most `limit` disruptions in the order of flight ids, those after the flight `after`; `None`: from the first.
    ///
    /// # Errors
    /// Those of the store.
    async fn pending(&self, after: Option<FlightId>, limit: usize) -> StoreResult<Vec<PendingDisruption>>;

    /// The bookings with seats on a flight.
    ///
    /// # Errors
    /// Those of the store.
    async fn bookings_on(&self, flight: FlightId) -> StoreResult<Vec<BookingId>>;

    /// Deletes a disruption that all bookings have followed.
    ///
    /// # Errors
    /// Those of the store.
    async fn followed(&self, change: PendingDisruption) -> StoreResult<()>;
}

/// The dependencies of following.
pub trait FollowDeps {
    /// The stored disruptions.
    type Store: DisruptionStore;
    /// The ledgers.
    type Ledger: LedgerQueue;

    /// The stored disruptions.
    fn store(&self) -> &Self::Store;
    /// The ledgers.
    fn ledger(&self) -> &Self::Ledger;
    /// The deadline of a command that is submitted now.
    fn deadline(&self) -> Instant;
}

/// Makes all bookings follow the stored disruptions. Gives the number of their bookings, with those that failed.
///
/// # Errors
/// Those of the store. The next run finds the remaining disruptions.
pub async fn follow_all(deps: &impl FollowDeps) -> StoreResult<usize> {
    let (mut count, mut after) = (0, None);
    loop {
        let changes = deps.store().pending(after, CHANGES).await?;
        let Some(last) = changes.last() else { return Ok(count) };
        // Disruptions that failed stay stored, and do not delay those after them.
        after = Some(last.flight);
        for change in changes {
            count += follow(deps, change).await?;
        }
    }
}

async fn follow(deps: &impl FollowDeps, change: PendingDisruption) -> StoreResult<usize> {
    let bookings = deps.store().bookings_on(change.flight).await?;
    let count = bookings.len();
    let commands = bookings.into_iter().map(|booking| command(change, booking));
    // The ledger of the changed flight: its batches then lock it once for all.
    let followed = stream::iter(commands)
        .map(|command| deps.ledger().submit(change.flight, command, SubmitTerms::by(deps.deadline())))
        .buffer_unordered(CONCURRENCY)
        .filter(|answer| std::future::ready(answer.is_ok()))
        .count()
        .await;
    tracing::info!(
        flight.id = %change.flight, flight.version = change.version, bookings.count = count, bookings.followed = followed,
        "Bookings follow a change of their flight"
    );
    // The next run finds a disruption that a booking has failed to follow.
    if followed == count {
        deps.store().followed(change).await?;
    }
    Ok(count)
}

fn command(PendingDisruption { flight, version, kind }: PendingDisruption, booking: BookingId) -> Command {
    match kind {
        Disruption::Cancelled => Command::CancelByAirline { booking, flight },
        Disruption::Rescheduled => Command::Reschedule { booking, flight, version },
    }
}
