//! The settlement writer: stores which payments the provider has settled, many in one commit, since no traveller waits
//! for it.

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

/// Messages that wait; further senders wait themselves.
const QUEUE: usize = 1024;
/// Payments in one statement.
const BATCH: usize = 256;
/// How long a batch waits for further payments: each statement is a commit of its own.
const LINGER: Duration = Duration::from_millis(20);

/// A message to the writer.
#[derive(Debug)]
pub(super) enum SettlementMessage {
    /// The provider has captured, or voided, a payment.
    Settled(PaymentId),
    /// Asks for an answer when all earlier messages are stored.
    Flush(oneshot::Sender<()>),
    /// A fault in the writer.
    #[cfg(test)]
    Die,
}

/// Starts the writer on the present arbiter; it ends when all senders are gone. A dead writer is restarted. The
/// messages that it had in hand are lost; the desk finds their payments when they have been idle for long enough.
pub(super) fn start(pool: Pool) -> mpsc::Sender<SettlementMessage> {
    let (sender, messages) = mpsc::channel(QUEUE);
    let messages = Arc::new(Mutex::new(messages));
    supervise("booking", "payment notes", move || write(pool.clone(), messages.clone()));
    sender
}

async fn write(pool: Pool, messages: Arc<Mutex<mpsc::Receiver<SettlementMessage>>>) -> WorkerEnd {
    let mut messages = messages.lock().await;
    let mut received = Vec::new();
    while messages.recv_many(&mut received, BATCH).await > 0 {
        // A flush does not wait for further payments.
        linger(&mut messages, &mut received, (BATCH, LINGER), |message| {
            !matches!(message, SettlementMessage::Settled(_))
        })
        .await;
        let (mut batch, mut waiting) = (Vec::new(), Vec::new());
        for message in received.drain(..) {
            match message {
                SettlementMessage::Settled(payment) => batch.push(payment.0),
                SettlementMessage::Flush(done) => waiting.push(done),
                #[cfg(test)]
                SettlementMessage::Die => panic!("a fault in the settlement writer, on purpose"),
            }
        }
        let count = batch.len();
        if let Err(error) = store_settled(&pool, batch).await {
            // The desk finds these payments when they have been idle for long enough.
            tracing::warn!(%error, payments.count = count, "Settled payments could not be stored");
        }
        for done in waiting {
            // An error means that nobody waits any longer.
            let _ = done.send(());
        }
    }
    WorkerEnd::Done
}

async fn store_settled(pool: &Pool, batch: Vec<Uuid>) -> Result<(), DbError> {
    if batch.is_empty() {
        return Ok(());
    }
    let connection = pool.get().await?;
    Ok(store::unsettled_payments::mark_settled_lazily(&connection, batch).await?)
}
