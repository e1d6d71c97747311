//! Supervision: what has died is started again, with backoff.
//!
//! A fresh worker or actor knows nothing of the one before: the memory of a worker is a cache, and the database is the
//! truth.

mod actor;
mod worker;

pub use actor::{AskError, Lifeline, SupervisedActor};
pub use worker::{WorkerEnd, supervise};
