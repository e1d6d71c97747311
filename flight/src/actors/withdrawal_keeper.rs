//! Has flights sold again whose disruption was not committed and whose process could not see to it: at its start, and each
//! minute, once their note is old enough.

use super::catalogue::{CatalogueChange, CatalogueHandle};
use crate::{domain::flight::Flight, store::withdrawals};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    db::{DbError, Pool},
    error_chain::ErrorChain,
    outbox::RelayHandle,
    ticker::Ticker,
};
use std::time::Duration;

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(60);
/// Notes that are taken at once.
const NOTES: i64 = 100;

/// Starts it on the present arbiter. It ends with the pool.
pub(crate) fn start(pool: Pool, relay: RelayHandle, catalogue: CatalogueHandle) {
    let of_end = pool.clone();
    let work = async move || {
        if let Err(error) = restore_all(&pool, &relay, &catalogue).await
            && !pool.is_closed()
        {
            tracing::warn!(
                error = %ErrorChain(&error),
                "Flights that may be off sale for nothing could not be looked for; tried again in a minute"
            );
        }
    };
    let ticker = Ticker::start("withdrawal keeper", INTERVAL, move || of_end.is_closed(), work);
    ticker.nudge();
}

async fn restore_all(pool: &Pool, relay: &RelayHandle, catalogue: &CatalogueHandle) -> Result<(), DbError> {
    loop {
        let mut connection = pool.get().await?;
        let (found, restored) = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let notes = withdrawals::left(connection, NOTES).await?;
                Ok::<_, diesel::result::Error>((notes.len(), withdrawals::restore(connection, &notes).await?))
            })
            .await?;
        if found == 0 {
            // Those of acts that are under way right now, and so none but for moments.
            let noted = withdrawals::count(&mut connection).await?;
            metrics::gauge!("aerobus_withdrawals_noted").set(noted as f64);
            return Ok(());
        }
        drop(connection);
        tell(restored, relay, catalogue).await;
    }
}

async fn tell(restored: Vec<Flight>, relay: &RelayHandle, catalogue: &CatalogueHandle) {
    metrics::counter!("aerobus_withdrawals_restored_total").increment(restored.len() as u64);
    for flight in &restored {
        tracing::warn!(flight.id = %flight.id, "A flight is on sale again: its disruption was not committed");
    }
    relay.nudge();
    let changes = restored.into_iter().map(|flight| CatalogueChange::Flight(Box::new(flight))).collect();
    if let Err(error) = catalogue.apply(changes).await {
        // It is committed, and the bus tells the catalogue again.
        tracing::warn!(error.message = %error, "The catalogue did not take flights in that are on sale again");
    }
}
