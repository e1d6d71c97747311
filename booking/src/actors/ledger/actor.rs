//! The ledger actor: gathers what arrives while a transaction runs into the next one.

use super::{
    command::{Envelope, LedgerError},
    runner::Runner,
};
use actix::prelude::*;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::{Mutex, oneshot};

/// How much a ledger takes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Commands in one transaction.
    pub(crate) batch: usize,
    /// Commands that wait when a further claim is refused. A change of what somebody has is refused where twice
    /// as many wait, and what settles a payment is always taken on.
    pub(crate) queue: usize,
}

impl Bounds {
    /// How many may wait before such a command is refused.
    fn room_for(self, envelope: &Envelope) -> usize {
        match envelope.command.claim() {
            Some(_) => self.queue,
            None => self.queue.saturating_mul(2),
        }
    }
}

/// Hands over a command.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Submit(pub(super) Envelope);

/// Asks to be told when everything handed over before is done.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

/// A fault in the ledger.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Die;

/// One writer for the flights of a shard.
///
/// Invariant: at most one transaction runs, by whoever has locked the runner; it may be one that this
/// ledger's predecessor has begun. The transaction runs in a task of its own that nobody aborts:
/// stopping the actor would drop futures of its context, a commit in flight included. Only with its
/// arbiter it ends midway, which the runner notices.
pub(super) struct Ledger {
    bounds: Bounds,
    /// What settles payments: first in each batch. The payment desk bounds how many there are.
    settling: VecDeque<Envelope>,
    queue: VecDeque<Envelope>,
    runner: Arc<Mutex<Runner>>,
    running: bool,
    drained: Vec<oneshot::Sender<()>>,
}

impl Ledger {
    pub(super) fn new(runner: Arc<Mutex<Runner>>, bounds: Bounds) -> Self {
        let (settling, queue) = (VecDeque::new(), VecDeque::new());
        Self { bounds, settling, queue, runner, running: false, drained: Vec::new() }
    }

    /// Begins the next transaction, unless one runs or there is nothing to do.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if self.queue.is_empty() && self.settling.is_empty() {
            if !self.running {
                for waiter in self.drained.drain(..) {
                    // An error means that nobody waits any longer.
                    let _ = waiter.send(());
                }
            }
            return;
        }
        if std::mem::replace(&mut self.running, true) {
            return;
        }
        let settling = self.settling.len().min(self.bounds.batch);
        let others = self.queue.len().min(self.bounds.batch - settling);
        let mut batch: Vec<_> = self.settling.drain(..settling).chain(self.queue.drain(..others)).collect();
        // They wait no longer.
        batch.iter_mut().for_each(|envelope| envelope.place = None);
        let runner = self.runner.clone();
        let task = actix::spawn(async move { runner.lock().await.process(batch).await });
        // Interleaves: commands arrive meanwhile, and form the next transaction.
        ctx.spawn(task.into_actor(self).map(|joined, ledger, ctx| {
            ledger.running = false;
            match joined {
                Ok(again) => {
                    for envelope in again.into_iter().rev() {
                        let settles = envelope.command.settles();
                        let queue = if settles { &mut ledger.settling } else { &mut ledger.queue };
                        queue.push_front(envelope);
                    }
                }
                // Its callers have been told by the loss of their channels.
                Err(error) => tracing::error!(%error, "A batch of the ledger panicked"),
            }
            ledger.go_on(ctx);
        }));
    }
}

impl Actor for Ledger {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(self.bounds.queue);
    }
}

impl Handler<Submit> for Ledger {
    type Result = ();

    fn handle(&mut self, Submit(envelope): Submit, ctx: &mut Context<Self>) {
        if envelope.command.settles() {
            self.settling.push_back(envelope);
        } else if self.queue.len() < self.bounds.room_for(&envelope) {
            self.queue.push_back(envelope);
        } else {
            envelope.answer(Err(LedgerError::Overloaded));
            return;
        }
        self.go_on(ctx);
    }
}

impl Handler<Drain> for Ledger {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) -> ResponseFuture<()> {
        let (done, drained) = oneshot::channel();
        self.drained.push(done);
        self.go_on(ctx);
        Box::pin(async move {
            // An error means that the ledger is gone, and with it what it had to do.
            let _ = drained.await;
        })
    }
}

#[cfg(test)]
impl Handler<Die> for Ledger {
    type Result = ();

    fn handle(&mut self, _: Die, _: &mut Context<Self>) {
        panic!("a fault in the ledger, on purpose");
    }
}
