//! Writes down which payments the provider has settled, many at a time: no traveller waits for it, so they share a
//! commit.

use super::batch_linger::linger;
use crate::store;
use shared::{
    db::{DbError, Pool},
    ids::PaymentId,
    supervisor::{WorkerEnd, supervise},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

/// Notes that wait; who has more has to wait itself.
const QUEUE: usize = 1024;
/// Notes in one statement.
const BATCH: usize = 256;
/// How long further notes are waited for: each statement is a commit of its own.
const LINGER: Duration = Duration::from_millis(20);

/// What the writer is told.
#[derive(Debug)]
pub(super) enum SettlementNote {
    /// The provider has captured, or voided, a payment.
    Settled(PaymentId),
    /// To be answered when all that was told before is written.
    Flush(oneshot::Sender<()>),
    /// A fault in the writer.
    #[cfg(test)]
    Die,
}

/// Starts the writer on the present arbiter; it ends when all senders are gone. One that has died is
/// started again; the notes that it had in hand are lost, and the desk finds their payments again.
pub(super) fn start(pool: Pool) -> mpsc::Sender<SettlementNote> {
    let (sender, notes) = mpsc::channel(QUEUE);
    let notes = Arc::new(Mutex::new(notes));
    supervise("booking", "payment notes", move || write(pool.clone(), notes.clone()));
    sender
}

async fn write(pool: Pool, notes: Arc<Mutex<mpsc::Receiver<SettlementNote>>>) -> WorkerEnd {
    let mut notes = notes.lock().await;
    let mut told = Vec::new();
    while notes.recv_many(&mut told, BATCH).await > 0 {
        // Not where somebody waits for those that are there.
        linger(&mut notes, &mut told, (BATCH, LINGER), |note| !matches!(note, SettlementNote::Settled(_)))
            .await;
        let (mut batch, mut waiting) = (Vec::new(), Vec::new());
        for note in told.drain(..) {
            match note {
                SettlementNote::Settled(payment) => batch.push(payment.0),
                SettlementNote::Flush(done) => waiting.push(done),
                #[cfg(test)]
                SettlementNote::Die => panic!("a fault in the writer of notes, on purpose"),
            }
        }
        let count = batch.len();
        if let Err(error) = settle(&pool, batch).await {
            // The desk finds these payments again when they have been idle for long enough.
            tracing::warn!(%error, payments.count = count, "Settled payments could not be noted");
        }
        for done in waiting {
            // An error means that nobody waits any longer.
            let _ = done.send(());
        }
    }
    WorkerEnd::Done
}

async fn settle(pool: &Pool, batch: Vec<Uuid>) -> Result<(), DbError> {
    if batch.is_empty() {
        return Ok(());
    }
    let connection = pool.get().await?;
    Ok(store::unsettled_payments::settle(&connection, batch).await?)
}
