//! Bookings follow what the airline did to their flights.
//!
//! The change is stored with the flight's new state, and forgotten when all bookings have followed. Each step can be
//! repeated without effect, so any number of instances may work on the same change, and one that dies leaves nothing
//! undone.

use crate::{
    booking::disruption::{Disruption, PendingDisruption},
    ledger::command::Command,
    ports::{LedgerQueue, SubmitTerms},
    store_error::StoreResult,
};
use futures_util::{StreamExt, stream};
use shared_types::ids::{BookingId, FlightId};
use std::time::Instant;

/// Changes read at once.
pub const CHANGES: usize = 64;
/// Bookings that follow at the same time: they share the ledger's transactions.
const CONCURRENCY: usize = 64;

/// The stored changes of flights that bookings have yet to follow.
#[expect(async_fn_in_trait, reason = "it is followed on one thread")]
pub trait DisruptionStore {
    /// Changes in the order of flights, those after a flight, so many at most.
    async fn pending(&self, after: Option<FlightId>, limit: usize) -> StoreResult<Vec<PendingDisruption>>;

    /// The bookings with seats on a flight.
    async fn bookings_on(&self, flight: FlightId) -> StoreResult<Vec<BookingId>>;

    /// All bookings have followed a change.
    async fn followed(&self, change: PendingDisruption) -> StoreResult<()>;
}

/// What following needs of the world around it.
pub trait FollowDeps {
    /// The stored changes.
    type Store: DisruptionStore;
    /// The ledgers.
    type Ledger: LedgerQueue;

    /// The stored changes.
    fn store(&self) -> &Self::Store;
    /// The ledgers.
    fn ledger(&self) -> &Self::Ledger;
    /// Until when a command may begin that is submitted now.
    fn deadline(&self) -> Instant;
}

/// Has all bookings follow the changes that are stored; gives how many bookings were asked to.
///
/// # Errors
/// Those of the store; what is left is found again.
pub async fn follow_all(deps: &impl FollowDeps) -> StoreResult<usize> {
    let (mut count, mut after) = (0, None);
    loop {
        let changes = deps.store().pending(after, CHANGES).await?;
        let Some(last) = changes.last() else { return Ok(count) };
        // Those that failed stay; they keep nobody behind them waiting.
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
    // What failed is found again at the next look.
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
