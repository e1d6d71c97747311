//! A transaction on the model.

use crate::{
    database::{ModelChange, ModelDatabase, ModelRows, PlannedAbort},
    ground::time::MILLISECOND,
    world::SimulatedWorld,
};
use booking_engine::store_error::StoreResult;
use chrono::{DateTime, Utc};
use shared::events::Event;
use std::{cell::RefMut, rc::Rc};

/// A transaction on the model. It is undone when it is dropped without a commit.
///
/// Its methods stand in this folder: what it [locks and reads](super::locking), [seats and
/// travellers](super::seats), and what it [writes](super::writing).
pub(crate) struct ModelTransaction {
    pub(crate) world: Rc<SimulatedWorld>,
    undo: Vec<ModelChange>,
    pub(crate) events: Vec<Event>,
    abort: Option<PlannedAbort>,
    /// The clock at each call, in their order.
    pub(crate) clocks: Vec<DateTime<Utc>>,
    /// Its number in the trace.
    pub(crate) traced: Option<usize>,
    locked: bool,
}

impl ModelTransaction {
    pub(crate) fn begin(
        world: Rc<SimulatedWorld>,
        abort: Option<PlannedAbort>,
        traced: Option<usize>,
    ) -> Self {
        Self { world, undo: Vec::new(), events: Vec::new(), abort, clocks: Vec::new(), traced, locked: false }
    }

    pub(crate) fn database(&self) -> RefMut<'_, ModelDatabase> {
        self.world.database.borrow_mut()
    }

    /// Begins a call; gives the clock.
    pub(crate) fn call(&mut self) -> StoreResult<DateTime<Utc>> {
        let pace = self.world.random().below(2 * MILLISECOND);
        let clock = {
            let mut database = self.world.reach_database()?;
            database.leap(pace);
            database.clock(self.world.now())
        };
        self.clocks.push(clock);
        match self.abort.filter(|abort| abort.call == self.clocks.len()) {
            Some(abort) => Err(abort.error()),
            None => Ok(clock),
        }
    }

    /// The transaction has its locks. From here on it is a single step.
    pub(crate) fn reach_locks(&mut self) {
        if !self.locked {
            self.locked = true;
            if let Some(traced) = self.traced {
                self.world.record(|trace| trace.resumed(traced));
            }
        }
    }

    pub(crate) fn put(&mut self, change: ModelChange) {
        let undo = self.database().rows.put(change);
        self.undo.push(undo);
    }

    pub(crate) fn with_rows<T>(&self, read: impl FnOnce(&ModelRows) -> T) -> T {
        read(&self.world.database.borrow().rows)
    }

    /// Makes it durable; gives what undoes it, oldest change first.
    pub(crate) fn commit(mut self) -> (Vec<ModelChange>, Vec<Event>) {
        let (undo, events) = (std::mem::take(&mut self.undo), std::mem::take(&mut self.events));
        self.database().outbox.extend(events.iter().cloned());
        (undo, events)
    }
}

impl Drop for ModelTransaction {
    fn drop(&mut self) {
        let mut database = self.world.database.borrow_mut();
        for change in self.undo.drain(..).rev() {
            database.rows.put(change);
        }
    }
}
