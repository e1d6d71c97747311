//! `PaymentDesk`: has payments carried out, as sagas that survive a crash at any step.
//!
//! A payment was started, and stored, by the ledger before the desk hears of it. What a request leaves unfinished (its
//! provider did not answer, its process died) is taken up by any desk that finds it idle for long enough, and goes on
//! from what is stored. So a payment is settled once, whichever desk does it.
//!
//! The actor keeps nothing that is needed: payments run in tasks of their own, which outlive it.

use super::{deps::PaymentDeps, handle::Admission};
use actix::prelude::*;
use booking_engine::{
    payment::charge::{Charge, ChargeOutcome},
    saga::carry,
};
use shared::{supervisor::Lifeline, trace};
use tokio::sync::oneshot;

/// Has a payment carried out.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Begin {
    pub(super) charge: Charge,
    pub(super) admission: Admission,
    pub(super) trace: Option<trace::TraceContext>,
    pub(super) reply: oneshot::Sender<ChargeOutcome>,
}

/// See the module.
pub(super) struct DeskActor {
    deps: PaymentDeps,
    /// Dropped when the desk dies, so that another takes its place.
    _lifeline: Lifeline,
}

impl DeskActor {
    pub(super) fn new(deps: PaymentDeps, lifeline: Lifeline) -> Self {
        Self { deps, _lifeline: lifeline }
    }
}

impl Actor for DeskActor {
    type Context = Context<Self>;
}

impl Handler<Begin> for DeskActor {
    type Result = ();

    /// A task of its own, which nobody aborts.
    fn handle(&mut self, begin: Begin, _: &mut Context<Self>) {
        let deps = self.deps.clone();
        actix::spawn(async move {
            let _admission = begin.admission;
            let charging = carry::charge(&deps, &begin.charge, begin.reply);
            match begin.trace {
                Some(context) => trace::scope(context, charging).await,
                None => charging.await,
            }
        });
    }
}

/// A fault in the desk.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Die;

#[cfg(test)]
impl Handler<Die> for DeskActor {
    type Result = ();

    fn handle(&mut self, _: Die, _: &mut Context<Self>) {
        panic!("a fault in the desk, on purpose");
    }
}
