//! How others speak to a relay.

use crate::bus::Bus;
use actix::{Addr, Handler, Message, Recipient, dev::ToEnvelope};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Events were committed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct NudgeRelay;

/// Asks to be told when the outbox is empty.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct DrainRelay;

/// Stops the relay when nothing is in flight.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopRelay;

/// A cloneable handle of a [`Relay`](super::Relay).
#[derive(Clone)]
pub struct RelayHandle {
    nudge: Recipient<NudgeRelay>,
    drain: Recipient<DrainRelay>,
    stop: Recipient<StopRelay>,
    /// A nudge is under way: a further one would say nothing new.
    nudged: Arc<AtomicBool>,
    bus: Bus,
}

impl RelayHandle {
    /// Of this actor, which resets `nudged` when it takes a nudge in.
    pub(super) fn new<A>(relay: &Addr<A>, nudged: Arc<AtomicBool>, bus: Bus) -> Self
    where
        A: Handler<NudgeRelay> + Handler<DrainRelay> + Handler<StopRelay>,
        A::Context: ToEnvelope<A, NudgeRelay> + ToEnvelope<A, DrainRelay> + ToEnvelope<A, StopRelay>,
    {
        let (nudge, drain, stop) =
            (relay.clone().recipient(), relay.clone().recipient(), relay.clone().recipient());
        Self { nudge, drain, stop, nudged, bus }
    }

    /// The bus that it publishes on.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Tells the relay that events were committed. Never blocks, never fails: the relay also polls.
    pub fn nudge(&self) {
        if !self.nudged.swap(true, Ordering::AcqRel) && self.nudge.try_send(NudgeRelay).is_err() {
            self.nudged.store(false, Ordering::Release);
        }
    }

    /// Ready when everything committed before the call is confirmed and the outbox was seen empty,
    /// whichever instance's relay publishes it (tests, shutdown), or when the relay was stopped.
    ///
    /// Waits as long as the broker or the database is down: bound it with a timeout.
    pub async fn drain(&self) {
        // An error means that the relay is gone.
        let _ = self.drain.send(DrainRelay).await;
    }

    /// Stops the relay when what is in flight is confirmed, or after 5 seconds without. What is not
    /// confirmed then stays in the outbox, for another relay.
    pub async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.stop.send(StopRelay).await;
    }
}
