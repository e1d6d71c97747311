//! `PaymentDesk`: has payments carried out, as sagas that survive a crash at any step.
//!
//! The ledger starts and stores a payment before the desk hears of it. A request may leave its payment unfinished: the
//! provider did not answer, or the process died. The next desk that finds the payment idle for long enough resumes it
//! from what is stored. So a payment is settled once, whichever desk does it.
//!
//! The actor holds no state that is needed: payments run in tasks of their own, which outlive it.

use super::{deps::PaymentDeps, messages::BeginPayment};
use actix::prelude::*;
use booking_engine::saga::carry;
use shared::{supervisor::Lifeline, trace};

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

impl Handler<BeginPayment> for DeskActor {
    type Result = ();

    /// A task of its own, which nobody aborts.
    fn handle(&mut self, begin: BeginPayment, _: &mut Context<Self>) {
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

#[cfg(test)]
impl Handler<crate::actors::fault::Die> for DeskActor {
    type Result = ();

    fn handle(&mut self, _: crate::actors::fault::Die, _: &mut Context<Self>) {
        panic!("a fault in the desk, on purpose");
    }
}
