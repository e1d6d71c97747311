//! An instance of the service as one request, or one of its loops, sees it.

use crate::{
    ground::limits::PATIENCE,
    ports::request_log::RequestLog,
    world::{SimulatedInstance, SimulatedWorld},
};
use booking_engine::{
    booking::locator::Locator,
    ports::{Clock, Ids, RequestContext},
};
use chrono::{DateTime, Utc};
use std::{cell::RefMut, rc::Rc, time::Instant};
use uuid::Uuid;

/// The engine's ports on an instance, for one request or one loop.
///
/// The ports stand in files of their own in this folder: the [flight inventory](super::flight_inventory), the [ledger's
/// queue](super::ledger_queue), [payments](super::payments), the [provider](super::provider_calls), the [store of
/// settlements](super::settlement_store), and what an instance does [by itself](super::background). Those of sales stand
/// beside [the requests](crate::requests).
#[derive(Clone)]
pub(crate) struct InstancePorts {
    pub(crate) world: Rc<SimulatedWorld>,
    /// The number of the instance.
    pub(crate) at: usize,
    pub(crate) clock: InstanceClock,
    pub(crate) ids: SeededIds,
    /// What the request has done so far.
    pub(crate) log: Rc<RequestLog>,
}

impl InstancePorts {
    /// The ports for a new request or loop.
    pub(crate) fn new(world: &Rc<SimulatedWorld>, at: usize) -> Self {
        let clock = InstanceClock { world: world.clone(), at };
        let ids = SeededIds(world.clone());
        Self { world: world.clone(), at, clock, ids, log: Rc::default() }
    }

    pub(crate) fn instance(&self) -> RefMut<'_, SimulatedInstance> {
        self.world.instances[self.at].borrow_mut()
    }

    /// The context of a request that begins now.
    pub(crate) fn context(&self) -> RequestContext {
        RequestContext::of_our_own(self.command_deadline())
    }

    /// The deadline for the beginning of a command that is submitted now.
    pub(crate) fn command_deadline(&self) -> Instant {
        self.clock.now() + PATIENCE
    }
}

/// An instance's clocks: they drift, and the wall clock is wrong.
#[derive(Clone)]
pub(crate) struct InstanceClock {
    pub(crate) world: Rc<SimulatedWorld>,
    pub(crate) at: usize,
}

impl Clock for InstanceClock {
    fn now(&self) -> Instant {
        self.world.instances[self.at].borrow().now()
    }

    fn utc(&self) -> DateTime<Utc> {
        self.world.instances[self.at].borrow().reading().utc
    }

    async fn sleep_until(&self, instant: Instant) {
        loop {
            let left = instant.saturating_duration_since(self.now());
            if left.is_zero() {
                return;
            }
            // Its clock may run fast.
            let micros = u64::try_from(left.as_micros()).unwrap_or(u64::MAX / 4).max(1);
            self.world.sleep(micros).await;
        }
    }
}

/// Identifiers that the seed decides.
#[derive(Clone)]
pub(crate) struct SeededIds(pub(crate) Rc<SimulatedWorld>);

impl Ids for SeededIds {
    fn uuid(&self) -> Uuid {
        self.0.id()
    }

    fn locator(&self) -> Locator {
        self.0.locator()
    }
}
