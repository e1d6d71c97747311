//! The ledger: group commit of commands.
//!
//! Commands that arrive while a transaction runs form the next one: one durable commit for many bookings. Answers are
//! given after the commit.
//!
//! | file | what |
//! |---|---|
//! | [`command`] | commands, outcomes |
//! | [`admission`] | how many claims may be on their way |
//! | [`queue`] | what waits for the next batch, and its bounds |
//! | [`process`] | batch by batch: transactions, errors, lost answers |
//! | [`sub_batch`] | what becomes of commands whose transaction failed |
//! | [`decide`] | the order of the decisions of one transaction |
//! | `keys`, `transitions`, `claims`, [`amendments`] | its parts |
//! | `payments`, `cancellations`, `airline`, `expiry` | parts of transitions |
//! | [`work`] | what the transaction has read, and what it will write |
//! | `occupancy` | whose seats and passengers' keys are, as the commands leave them |
//! | `write_set_builder`, [`write_set`] | what it writes |
//! | [`snapshot`] | what it locks and reads |
//! | [`rows`] | rows of the tables, and how a booking is laid out in them |
//! | [`cache`] | what is kept between transactions |

pub mod admission;
mod airline;
pub mod amendments;
pub mod cache;
mod cancellations;
mod claims;
pub mod command;
pub mod decide;
mod expiry;
mod keys;
mod occupancy;
mod payments;
pub mod process;
pub mod queue;
pub mod rows;
pub mod snapshot;
pub mod sub_batch;
mod transitions;
pub mod work;
pub mod write_set;
mod write_set_builder;
