//! A transaction on the model.

use super::{Change, Database, Rows};
use crate::{
    time::MILLISECOND,
    world::{World, unavailable},
};
use booking_engine::store_error::{StoreError, StoreFault, StoreResult};
use chrono::{DateTime, Utc};
use shared::events::Event;
use std::{cell::RefMut, rc::Rc};

/// Where and how a transaction fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abort {
    /// The number of the call that fails, from 1.
    pub(crate) call: usize,
    pub(crate) kind: Failing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// Somebody else waits for what we have.
    Deadlock,
    /// A lock was not granted in time.
    Lock,
    /// A value cannot be stored.
    Data,
}

impl Abort {
    pub(crate) fn error(self) -> StoreError {
        let (fault, text) = match self.kind {
            Failing::Deadlock => (StoreFault::Conflict, "deadlock detected"),
            Failing::Lock => (StoreFault::LockTimeout, "canceling statement due to lock timeout"),
            Failing::Data => (StoreFault::Data, "a value that cannot be"),
        };
        StoreError::new(fault, text)
    }
}

/// Undone when it is dropped without a commit.
pub(crate) struct Transaction {
    pub(crate) world: Rc<World>,
    undo: Vec<Change>,
    pub(crate) events: Vec<Event>,
    abort: Option<Abort>,
    /// The clock at each call, in their order.
    pub(crate) clocks: Vec<DateTime<Utc>>,
    /// Its number in the trace.
    pub(crate) traced: Option<usize>,
    locked: bool,
}

impl Transaction {
    pub(crate) fn begin(world: Rc<World>, abort: Option<Abort>, traced: Option<usize>) -> Self {
        Self { world, undo: Vec::new(), events: Vec::new(), abort, clocks: Vec::new(), traced, locked: false }
    }

    pub(crate) fn database(&self) -> RefMut<'_, Database> {
        self.world.database.borrow_mut()
    }

    /// Begins a call; gives the clock.
    pub(crate) fn call(&mut self) -> StoreResult<DateTime<Utc>> {
        let (now, pace) = (self.world.now(), self.world.random().below(2 * MILLISECOND));
        let clock = {
            let mut database = self.database();
            if database.is_down(now) {
                return Err(unavailable());
            }
            database.leap(pace);
            database.clock(now)
        };
        self.clocks.push(clock);
        match self.abort.filter(|abort| abort.call == self.clocks.len()) {
            Some(abort) => Err(abort.error()),
            None => Ok(clock),
        }
    }

    /// From here on it is a single step.
    pub(crate) fn reach_locks(&mut self) {
        if !self.locked {
            self.locked = true;
            if let (Some(traced), Some(trace)) = (self.traced, &self.world.trace) {
                trace.borrow_mut().resumed(traced);
            }
        }
    }

    pub(crate) fn put(&mut self, change: Change) {
        let undo = self.database().rows.put(change);
        self.undo.push(undo);
    }

    pub(crate) fn with_rows<T>(&self, read: impl FnOnce(&Rows) -> T) -> T {
        read(&self.world.database.borrow().rows)
    }

    /// Makes it durable; gives what undoes it, oldest change first.
    pub(crate) fn commit(mut self) -> (Vec<Change>, Vec<Event>) {
        let (undo, events) = (std::mem::take(&mut self.undo), std::mem::take(&mut self.events));
        self.database().outbox.extend(events.iter().cloned());
        (undo, events)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let mut database = self.world.database.borrow_mut();
        for change in self.undo.drain(..).rev() {
            database.rows.put(change);
        }
    }
}
