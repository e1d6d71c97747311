//! Notes what the provider has done, many payments at a time: nobody waits for it, so it need not
//! cost a commit each.

use crate::{domain::payment::PaymentState, store};
use shared::{
    db::{DbError, Pool},
    ids::PaymentId,
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Notes that wait; who has more has to wait itself.
const QUEUE: usize = 1024;
/// Notes in one statement.
const BATCH: usize = 256;

/// A payment that the provider has captured, or voided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished {
    pub(super) payment: PaymentId,
    pub(super) from: PaymentState,
    pub(super) to: PaymentState,
}

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Note {
    Finished(Finished),
    /// To be answered when all that was told before is written.
    Flush(oneshot::Sender<()>),
}

/// Starts the writer on the present arbiter; it ends when all senders are gone.
pub(super) fn start(pool: Pool) -> mpsc::Sender<Note> {
    let (sender, notes) = mpsc::channel(QUEUE);
    actix::spawn(write(pool, notes));
    sender
}

async fn write(pool: Pool, mut notes: mpsc::Receiver<Note>) {
    let mut told = Vec::new();
    while notes.recv_many(&mut told, BATCH).await > 0 {
        let (mut batch, mut waiting) = (Vec::new(), Vec::new());
        for note in told.drain(..) {
            match note {
                Note::Finished(finished) => batch.push(finished),
                Note::Flush(done) => waiting.push(done),
            }
        }
        if let Err(error) = note(&pool, &batch).await {
            // The desk finds these payments again when they have been idle for long enough.
            tracing::warn!(%error, payments.count = batch.len(), "Finished payments could not be noted");
        }
        for done in waiting {
            // An error means that nobody waits any longer.
            let _ = done.send(());
        }
    }
}

async fn note(pool: &Pool, batch: &[Finished]) -> Result<(), DbError> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut connection = pool.get().await?;
    let steps = [
        (PaymentState::Confirmed, PaymentState::Captured),
        (PaymentState::ToBeVoided, PaymentState::Declined),
    ];
    for (from, to) in steps {
        let of_step = batch.iter().filter(|one| (one.from, one.to) == (from, to));
        let ids: Vec<Uuid> = of_step.map(|one| one.payment.0).collect();
        if !ids.is_empty() {
            store::payments::finish(&mut connection, ids, from, to).await?;
        }
    }
    Ok(())
}
