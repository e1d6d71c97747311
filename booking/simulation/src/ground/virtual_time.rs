//! Virtual time: it passes only when the scheduler lets it.

use crate::ground::time::instant;
use chrono::{DateTime, Utc};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// The time of a run, and the timers that wait for it to pass.
pub(crate) struct VirtualTime {
    /// Microseconds since the run began.
    now: Cell<u64>,
    /// Any instant: monotonic clocks only tell differences.
    base: Instant,
    /// By their instants, and by the order in which they were set.
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    sequence: Cell<u64>,
}

impl VirtualTime {
    pub(crate) fn new() -> Rc<Self> {
        let (now, base, sequence) = (Cell::new(0), Instant::now(), Cell::new(0));
        Rc::new(Self { now, base, timers: RefCell::default(), sequence })
    }

    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// The true time, without any skew.
    pub(crate) fn utc(&self) -> DateTime<Utc> {
        instant(self.now())
    }

    /// An instant of a monotonic clock that has run for this many microseconds.
    pub(crate) fn monotonic(&self, micros: u64) -> Instant {
        self.base + Duration::from_micros(micros)
    }

    /// Time passes up to an instant. It does not go back.
    pub(crate) fn pass_until(&self, at: u64) {
        self.now.set(self.now.get().max(at));
    }

    /// Is ready after this many microseconds.
    pub(crate) fn sleep(self: &Rc<Self>, micros: u64) -> VirtualSleep {
        VirtualSleep { time: self.clone(), until: self.now() + micros, registered: false }
    }

    /// Lets time pass up to the next timer, and wakes those that are due. False where there is no timer.
    pub(crate) fn advance(&self) -> bool {
        let mut timers = self.timers.borrow_mut();
        let Some((&(at, _), _)) = timers.first_key_value() else { return false };
        self.pass_until(at);
        while let Some(entry) = timers.first_entry().filter(|entry| entry.key().0 <= self.now()) {
            entry.remove().wake();
        }
        true
    }

    /// Forgets all timers: the run is over.
    pub(crate) fn forget(&self) {
        self.timers.take();
    }

    fn wake_at(&self, at: u64, waker: Waker) {
        let sequence = self.sequence.get() + 1;
        self.sequence.set(sequence);
        self.timers.borrow_mut().insert((at, sequence), waker);
    }
}

/// Ready at an instant of virtual time.
pub(crate) struct VirtualSleep {
    time: Rc<VirtualTime>,
    until: u64,
    registered: bool,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.until {
            return Poll::Ready(());
        }
        if !self.registered {
            self.registered = true;
            self.time.wake_at(self.until, context.waker().clone());
        }
        Poll::Pending
    }
}
