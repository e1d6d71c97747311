//! A process of the service as one request, or one of its loops, sees it: the engine's ports to clocks and chance.

use crate::{instance::Instance, limits::PATIENCE, request_log::RequestLog, world::World};
use booking_engine::{
    booking::locator::Locator,
    ports::{Clock, Ids, RequestContext},
};
use chrono::{DateTime, Utc};
use std::{cell::RefMut, rc::Rc, time::Instant};
use uuid::Uuid;

/// See the module.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) world: Rc<World>,
    /// The number of the instance.
    pub(crate) at: usize,
    pub(crate) clock: ProcessClock,
    pub(crate) ids: SeededIds,
    /// What the request has done so far.
    pub(crate) log: Rc<RequestLog>,
}

impl Process {
    /// As a new request sees it, or a loop.
    pub(crate) fn new(world: &Rc<World>, at: usize) -> Self {
        let clock = ProcessClock { world: world.clone(), at };
        let ids = SeededIds(world.clone());
        Self { world: world.clone(), at, clock, ids, log: Rc::default() }
    }

    pub(crate) fn instance(&self) -> RefMut<'_, Instance> {
        self.world.instances[self.at].borrow_mut()
    }

    /// The context of a request that begins now.
    pub(crate) fn context(&self) -> RequestContext {
        RequestContext::of_our_own(self.clock.now() + PATIENCE)
    }
}

/// An instance's clocks: they drift, and the wall clock is wrong.
#[derive(Clone)]
pub(crate) struct ProcessClock {
    pub(crate) world: Rc<World>,
    pub(crate) at: usize,
}

impl Clock for ProcessClock {
    fn now(&self) -> Instant {
        self.world.instant_at(self.at)
    }

    fn utc(&self) -> DateTime<Utc> {
        self.world.reading_at(self.at).utc
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
pub(crate) struct SeededIds(pub(crate) Rc<World>);

impl Ids for SeededIds {
    fn uuid(&self) -> Uuid {
        self.0.id()
    }

    fn locator(&self) -> Locator {
        self.0.locator()
    }
}
