//! The note of an act that has booking take a flight off sale, from before booking is asked until the act has ended.

use crate::{
    domain::flight::Flight,
    store::withdrawals::{self, WithdrawalNote},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    db::{DbError, Pool},
    error_chain::ErrorChain,
    ids::FlightId,
};

/// A stored note. The transaction of the act deletes it; an act that has no effect [gives it up](Self::give_up). Where neither
/// happens, the keeper of withdrawals finds it.
#[derive(Debug)]
pub(super) struct NotedWithdrawal {
    flight: FlightId,
    note: WithdrawalNote,
}

impl NotedWithdrawal {
    /// Stores a note.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) async fn begin(pool: &Pool, flight: FlightId) -> Result<Self, DbError> {
        let note = withdrawals::note(&mut *pool.get().await?, flight).await?;
        Ok(Self { flight, note })
    }

    /// The note, for the transaction of the act.
    pub(super) fn note(&self) -> WithdrawalNote {
        self.note
    }

    /// Ends an act that was not committed, or whose commit has an unknown outcome. A flight that may be off sale for nothing is
    /// told anew, in its next version, which puts it on sale. Gives the flight that was told.
    pub(super) async fn give_up(self, pool: &Pool, may_be_off_sale: bool) -> Option<Flight> {
        match end(pool, self.note, may_be_off_sale).await {
            Ok(restored) => restored.into_iter().next(),
            Err(error) => {
                // The keeper finds the note within a minute.
                tracing::warn!(
                    flight.id = %self.flight, error = %ErrorChain(&error),
                    "A flight may be off sale for a while: its act failed, and so did the end of the act"
                );
                None
            }
        }
    }
}

async fn end(pool: &Pool, note: WithdrawalNote, may_be_off_sale: bool) -> Result<Vec<Flight>, DbError> {
    let mut connection = pool.get().await?;
    let ended = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| match may_be_off_sale {
            true => withdrawals::restore(connection, &[note]).await,
            false => withdrawals::delete(connection, note).await.map(|_| Vec::new()),
        })
        .await?;
    Ok(ended)
}
