//! `PaymentDesk`: has payments carried out, as sagas that survive a crash at any step.
//!
//! A payment was started, and stored, by the ledger before the desk hears of it. What a request leaves
//! unfinished (its provider did not answer, its process died) is taken up by any desk that finds it idle
//! for long enough, and goes on from what is stored. So a payment is settled once, whoever does it.
//!
//! The actor keeps nothing that is needed: payments run in tasks of their own, which outlive it.

use super::{
    handle::{Admission, Charge, Charged},
    keeper::End,
    steps::Means,
};
use actix::prelude::*;
use shared::trace;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::{Mutex, oneshot};

/// Has a payment carried out.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Begin {
    pub(super) charge: Charge,
    pub(super) admission: Admission,
    pub(super) trace: Option<trace::TraceContext>,
    pub(super) reply: oneshot::Sender<Charged>,
}

/// Has what is unsettled looked for.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Nudge;

/// How a stop and the sweeps know of each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Closing {
    /// No further sweep begins.
    pub(super) asked: Arc<AtomicBool>,
    /// Held by a sweep.
    pub(super) sweep: Arc<Mutex<()>>,
}

/// See the module.
pub(super) struct Desk {
    means: Means,
    sweeping: bool,
    /// Somebody asked for a sweep while one ran.
    again: bool,
    /// Told when the desk is no longer needed; dropped when it dies.
    end: Option<oneshot::Sender<End>>,
}

impl Desk {
    /// Starts a desk; and gives what is ready when it has ended.
    pub(super) fn open(means: Means) -> (Addr<Self>, impl Future<Output = End>) {
        let (end, ended) = oneshot::channel();
        let desk = Self { means, sweeping: false, again: false, end: Some(end) }.start();
        (desk, async move { ended.await.unwrap_or(End::Died) })
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if self.means.is_closing() {
            if let Some(end) = self.end.take() {
                let _ = end.send(End::Done);
            }
            ctx.stop();
            return;
        }
        if self.sweeping {
            self.again = true;
            return;
        }
        self.sweeping = true;
        let means = self.means.clone();
        let task = actix::spawn(async move {
            let _turn = means.closing.sweep.lock().await;
            means.sweep().await
        });
        // Interleaves: charges are taken on meanwhile.
        ctx.spawn(task.into_actor(self).map(|swept, desk, ctx| {
            desk.sweeping = false;
            match swept {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "Unsettled payments could not be read"),
                Err(error) => tracing::error!(%error, "Settling payments panicked"),
            }
            if std::mem::take(&mut desk.again) {
                desk.sweep(ctx);
            }
        }));
    }
}

impl Actor for Desk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.sweep(ctx);
        ctx.run_interval(self.means.times.sweep, Self::sweep);
    }
}

impl Handler<Begin> for Desk {
    type Result = ();

    /// A task of its own, which nobody aborts.
    fn handle(&mut self, begin: Begin, _: &mut Context<Self>) {
        let means = self.means.clone();
        actix::spawn(async move {
            let _admission = begin.admission;
            match begin.trace {
                Some(context) => trace::scope(context, means.charge(begin.charge, begin.reply)).await,
                None => means.charge(begin.charge, begin.reply).await,
            }
        });
    }
}

impl Handler<Nudge> for Desk {
    type Result = ();

    fn handle(&mut self, _: Nudge, ctx: &mut Context<Self>) {
        self.sweep(ctx);
    }
}

/// A fault in the desk.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Die;

#[cfg(test)]
impl Handler<Die> for Desk {
    type Result = ();

    fn handle(&mut self, _: Die, _: &mut Context<Self>) {
        panic!("a fault in the desk, on purpose");
    }
}

impl Means {
    /// Whether nothing new is to be taken up.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.asked.load(Ordering::Acquire) || self.pool.is_closed()
    }
}
