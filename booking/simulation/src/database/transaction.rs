//! A transaction on the model.

use super::{Change, Database, Rows};
use crate::simulation::world::{MILLISECOND, World};
use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};
use shared::events::Event;
use std::{cell::RefMut, rc::Rc};

/// Where and how a transaction fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) struct Abort {
    /// The number of the call that fails, from 1.
    pub(in crate::simulation) call: usize,
    pub(in crate::simulation) kind: Failing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Failing {
    /// Somebody else waits for what we have.
    Deadlock,
    /// A lock was not granted in time.
    Lock,
    /// A value cannot be stored.
    Data,
}

impl Abort {
    pub(in crate::simulation) fn error(self) -> Error {
        let (kind, text) = match self.kind {
            Failing::Deadlock => (DatabaseErrorKind::Unknown, "deadlock detected"),
            Failing::Lock => (DatabaseErrorKind::Unknown, "canceling statement due to lock timeout"),
            Failing::Data => (DatabaseErrorKind::CheckViolation, "a value that cannot be"),
        };
        Error::DatabaseError(kind, Box::new(text.to_owned()))
    }
}

/// Undone when it is dropped without a commit.
pub(in crate::simulation) struct Transaction {
    pub(super) world: Rc<World>,
    undo: Vec<Change>,
    pub(super) events: Vec<Event>,
    abort: Option<Abort>,
    /// The clock at each call, in their order.
    pub(in crate::simulation) clocks: Vec<DateTime<Utc>>,
    /// Its number in the trace.
    traced: Option<usize>,
    locked: bool,
}

impl Transaction {
    pub(in crate::simulation) fn begin(
        world: Rc<World>,
        abort: Option<Abort>,
        traced: Option<usize>,
    ) -> Self {
        Self { world, undo: Vec::new(), events: Vec::new(), abort, clocks: Vec::new(), traced, locked: false }
    }

    pub(super) fn database(&self) -> RefMut<'_, Database> {
        self.world.database.borrow_mut()
    }

    /// Begins a call; gives the clock.
    pub(super) fn call(&mut self) -> QueryResult<DateTime<Utc>> {
        let (now, pace) = (self.world.now(), self.world.random().below(2 * MILLISECOND));
        let clock = {
            let mut database = self.database();
            if database.is_down(now) {
                return Err(lost());
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

    /// Waits for the locks: the last moment at which others come between.
    pub(super) async fn wait_for_locks(&mut self) {
        if self.world.strikes(300) {
            let micros = self.world.random().time(50, 11);
            self.world.sleep(micros).await;
        }
        self.reach_locks();
    }

    /// From here on it is a single step.
    pub(in crate::simulation) fn reach_locks(&mut self) {
        if !self.locked {
            self.locked = true;
            if let (Some(traced), Some(trace)) = (self.traced, &self.world.trace) {
                trace.borrow_mut().resumed(traced);
            }
        }
    }

    pub(super) fn put(&mut self, change: Change) {
        let undo = self.database().rows.put(change);
        self.undo.push(undo);
    }

    pub(super) fn with_rows<T>(&self, read: impl FnOnce(&Rows) -> T) -> T {
        read(&self.world.database.borrow().rows)
    }

    /// Makes it durable; gives what undoes it, oldest change first.
    pub(in crate::simulation) fn commit(mut self) -> (Vec<Change>, Vec<Event>) {
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

/// The connection is gone.
pub(in crate::simulation) fn lost() -> Error {
    Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new("the connection is gone".to_owned()))
}
