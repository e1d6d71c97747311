//! A seeded simulation of the booking engine.
//!
//! The engine that ships (the way of a request, the ledger's queue and batches, the sagas of payments) runs in virtual
//! time over a [model of the database](database), on several instances at once. Messages are late, doubled and reordered;
//! acknowledgements are lost; ledgers, allocators and processes are killed; clocks are wrong; queues are full. After every
//! step it is checked what must always be true. One seed decides everything, so a failure can be run again.
//!
//! Each module knows those above it in this table, and none below:
//!
//! | module | what |
//! |---|---|
//! | [`ground`] | virtual time, tasks, chance, limits, the journal of a run |
//! | [`database`] | the model of the database: rows, statements, a clock |
//! | [`provider`] | the accounts of the payment provider |
//! | [`trace`] | what was done to the database, in words that can be compared |
//! | [`checks`] | what must be true |
//! | [`world`] | what all parts of a run share: the above, and the instances of the service |
//! | [`transaction`] | transactions on the model, and the ledger's store over them |
//! | [`ports`] | the engine's ports on an instance: inventory, ledgers, payments, loops, the bus |
//! | [`requests`] | requests, and how an instance serves them |
//! | [`travellers`] | the travellers: their lives, orders and changes |
//! | [`airline`], [`faults`] | flights and their changes; kills, outages, leaps of time |
//! | [`run`](mod@run) | a run from its first step to its rest |
//! | [`replay`](mod@replay) | the same on PostgreSQL |
//!
//! See `docs/simulation.md` for how to run it.

mod airline;
mod checks;
mod database;
mod faults;
mod ground;
mod ports;
mod provider;
mod replay;
mod requests;
mod run;
mod trace;
mod transaction;
mod travellers;
mod world;

pub use ground::Sabotage;
pub use replay::{CLOCK, ReplayReport, replay};
pub use run::{BrokenPromise, SimulationRun, record, run};
