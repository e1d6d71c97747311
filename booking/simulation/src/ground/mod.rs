//! The ground that everything stands on: virtual time, tasks, chance, limits, and the journal of a run.
//!
//! These modules know nothing of the booking service but its limits.

mod accounts;
pub(crate) mod limits;
mod run_journal;
mod sabotage;
mod seeded_random;
mod tasks;
pub(crate) mod time;
mod virtual_time;

pub(crate) use accounts::is_unverified;
pub(crate) use run_journal::RunJournal;
pub use sabotage::Sabotage;
pub(crate) use seeded_random::SeededRandom;
pub(crate) use tasks::{TaskOwner, TaskRequests, TaskScheduler};
pub(crate) use virtual_time::{VirtualSleep, VirtualTime};
